/** How raw samples become a model's input. Saved with the dataset; shipped in the bundle as JSON. */
import { z } from 'zod'

export const ImagePreprocessing = z.object({
  kind: z.literal('image'),
  /** Output height and width in pixels. */
  height: z.number().int().min(1).max(8192),
  width: z.number().int().min(1).max(8192),
  channels: z.enum(['gray', 'rgb', 'bgr']).default('rgb'),
  /** stretch: resize ignoring aspect; crop: resize shorter side then centre crop; pad: letterbox. */
  fit: z.enum(['stretch', 'crop', 'pad']).default('crop'),
  /** With fit = crop, resize the shorter side to this fraction above the crop (1.143 = 256/224). */
  cropScale: z.number().min(1).max(4).default(1),
  interpolation: z.enum(['nearest', 'bilinear', 'bicubic']).default('bilinear'),
  layout: z.enum(['NCHW', 'NHWC']).default('NCHW'),
  /** Pixel values 0…255 are multiplied by this first (1/255 gives 0…1). */
  scale: z.number().default(1 / 255),
  /** Then (x - mean) / std per channel, in the order of `channels`. One value serves all channels. */
  mean: z.array(z.number()).default([0]),
  std: z.array(z.number()).default([1]),
  /** Padding value (after scale, before mean/std), with fit = pad. */
  padValue: z.number().default(0),
})
export type ImagePreprocessing = z.infer<typeof ImagePreprocessing>

export const ArrayPreprocessing = z.object({
  kind: z.literal('array'),
  /** (x * scale - mean) / std, elementwise; mean/std of length 1 or of the last axis's length. */
  scale: z.number().default(1),
  mean: z.array(z.number()).default([0]),
  std: z.array(z.number()).default([1]),
})
export type ArrayPreprocessing = z.infer<typeof ArrayPreprocessing>

/** What a tokenizer gives to a model: token numbers, which of them are no padding, first or second text, positions. */
export const TextRole = z.enum(['ids', 'mask', 'types', 'positions'])
export type TextRole = z.infer<typeof TextRole>

/** How texts become token numbers. The columns that hold them stand in the dataset's `inputs`: one, or two for pairs. */
export const TextPreprocessing = z.object({
  kind: z.literal('text'),
  /** A Hugging Face tokenizer.json: an absolute path, or a file name beside the data (in a bundle: in its folder). */
  tokenizer: z.string().min(1),
  /** SHA-256 of the tokenizer's bytes; filled in when the data is opened, and another file is refused from then on. */
  digest: z.string().optional(),
  /** Tokens of one sample, special ones included. Absent: what the model or the tokenizer says, else 128. */
  maxLength: z.number().int().min(1).max(65_536).optional(),
  /** max: every sample has `maxLength` tokens; longest: as many as the longest of its batch has. */
  padding: z.enum(['max', 'longest']).default('max'),
  /** With padding = longest, lengths are rounded up to a multiple of this. */
  multiple: z.number().int().min(1).max(1024).default(8),
  /** Whether longer texts lose their end; else they are refused. */
  truncation: z.boolean().default(true),
  /**
   * texts: every text is a sample; windows: a text makes as many samples of at most `maxLength` tokens as it takes, each
   * beginning with the last token of the one before, so that every token but a text's first is predicted once. Absent:
   * windows for causal language models, else texts.
   */
  samples: z.enum(['texts', 'windows']).optional(),
  /** Which input takes what; inputs with the usual names (input_ids, attention_mask, …) need no entry. */
  roles: z.record(z.string(), TextRole).default({}),
})
export type TextPreprocessing = z.infer<typeof TextPreprocessing>

export const Preprocessing = z.discriminatedUnion('kind', [
  ImagePreprocessing,
  ArrayPreprocessing,
  TextPreprocessing,
])
export type Preprocessing = z.infer<typeof Preprocessing>
