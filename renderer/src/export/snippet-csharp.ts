import {
  channelCount,
  imageOf,
  isClassifier,
  padPixel,
  resizeTo,
  type SnippetInput,
  type SnippetModel,
  signature,
  snippetInputs,
} from './snippet-input'
import { arrayNote } from './snippet-node'

const SAMPLER = { nearest: 'NearestNeighbor', bilinear: 'Triangle', bicubic: 'Bicubic' } as const
const MODE = { stretch: 'Stretch', crop: 'Crop', pad: 'Pad' } as const

const TYPES: Readonly<Record<string, string>> = {
  float32: 'float',
  float64: 'double',
  float16: 'Float16',
  int64: 'long',
  int32: 'int',
  int16: 'short',
  int8: 'sbyte',
  uint64: 'ulong',
  uint32: 'uint',
  uint16: 'ushort',
  uint8: 'byte',
  bool: 'bool',
  string: 'string',
}

function typeOf(info: { type: string }): string {
  return TYPES[info.type] ?? 'float'
}

function feed(input: SnippetInput, data: string): string {
  const shape = input.shape.length === 0 ? 'new int[0]' : `new[] { ${input.shape.join(', ')} }`
  const tensor = `new DenseTensor<${typeOf(input)}>(${data}, ${shape})`
  return `    NamedOnnxValue.CreateFromTensor(${JSON.stringify(input.name)}, ${tensor}),`
}

function prepareCode(model: SnippetModel): string[] {
  const image = imageOf(model)
  if (!image) return []
  const to = resizeTo(image)
  const channels = channelCount(image)
  const area = image.height * image.width
  const floats = (values: readonly number[]) => values.map(v => `${v}f`).join(', ')
  const at = image.layout === 'NCHW' ? `c * ${area} + i` : `i * ${channels} + c`
  const pad = padPixel(image)
  const value = {
    gray: 'new[] { 0.299f * p.R + 0.587f * p.G + 0.114f * p.B }',
    rgb: 'new float[] { p.R, p.G, p.B }',
    bgr: 'new float[] { p.B, p.G, p.R }',
  }[image.channels]
  return [
    'static float[] Prepare(string file)',
    '{',
    '    using var image = Image.Load<Rgb24>(file);',
    '    image.Mutate(m => m.Resize(new ResizeOptions',
    '    {',
    `        Size = new Size(${to.width}, ${to.height}), Mode = ResizeMode.${MODE[image.fit]},`,
    `        Sampler = KnownResamplers.${SAMPLER[image.interpolation]},${image.fit === 'pad' ? ` PadColor = Color.FromRgb(${pad}, ${pad}, ${pad}),` : ''}`,
    '    }));',
    ...(image.fit === 'crop' && image.cropScale > 1
      ? [
          `    image.Mutate(m => m.Crop(new Rectangle(${Math.round((to.width - image.width) / 2)}, ${Math.round((to.height - image.height) / 2)}, ${image.width}, ${image.height})));`,
        ]
      : []),
    `    float[] mean = { ${floats(image.mean)} }, std = { ${floats(image.std)} };`,
    `    var x = new float[${area * channels}];`,
    `    for (int i = 0; i < ${area}; i++)`,
    '    {',
    `        var p = image[i % ${image.width}, i / ${image.width}];`,
    `        var values = ${value};`,
    `        for (int c = 0; c < ${channels}; c++)`,
    `            x[${at}] = (values[c] * ${image.scale}f - mean[c % mean.Length]) / std[c % std.Length];`,
    '    }',
    '    return x;',
    '}',
  ]
}

/** A C# program (top-level statements) for the model, with the preprocessing it was measured with. */
export function csharpSnippet(model: SnippetModel): string {
  const image = imageOf(model)
  const feeds = snippetInputs(model).map((input, i) => {
    const fed = i === 0 && image !== null && input.type === 'float32'
    return feed(input, fed ? 'Prepare(args[0])' : `new ${typeOf(input)}[${input.size}]`)
  })
  const first = model.outputs[0]
  const output = first ? typeOf(first) : 'float'
  const answer = isClassifier(model)
    ? [
        `var scores = results.First().AsEnumerable<${output}>().ToArray();`,
        `string[] classes = { ${model.classes.map(c => JSON.stringify(c)).join(', ')} };`,
        'Console.WriteLine(classes[Array.IndexOf(scores, scores.Max())]);',
      ]
    : [`Console.WriteLine(string.Join(", ", results.First().AsEnumerable<${output}>().Take(10)));`]
  return [
    '// dotnet add package Microsoft.ML.OnnxRuntime',
    ...(image ? ['// dotnet add package SixLabors.ImageSharp'] : []),
    'using Microsoft.ML.OnnxRuntime;',
    'using Microsoft.ML.OnnxRuntime.Tensors;',
    ...(image
      ? [
          'using SixLabors.ImageSharp;',
          'using SixLabors.ImageSharp.PixelFormats;',
          'using SixLabors.ImageSharp.Processing;',
        ]
      : []),
    '',
    `using var session = new InferenceSession(${JSON.stringify(model.file)});`,
    ...model.inputs.map(i => `// ${signature(i)}`),
    ...(image ? [] : arrayNote(model, '//')),
    'var feeds = new List<NamedOnnxValue>',
    '{',
    ...feeds,
    '};',
    'using var results = session.Run(feeds);',
    ...model.outputs.map(o => `// ${signature(o)}`),
    ...answer,
    ...(image ? ['', ...prepareCode(model)] : []),
  ].join('\n')
}
