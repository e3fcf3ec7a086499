/**
 * Checking bytes against the ONNX schema before they are parsed. The protobuf parser is lenient: it takes a field of
 * the wrong wire type for another one and lets an inner message run past the end of its outer one. Here every length
 * must nest exactly, every known field must have its wire type, and depth and counts are bounded, so that a damaged or
 * hostile file is refused before it costs memory.
 * Encoding: https://protobuf.dev/programming-guides/encoding/
 */
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { ScalarType } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import { BantamError } from '../../shared/errors'

/** Deeper than any exporter nests (If in Loop in If takes four levels each). */
const MAX_DEPTH = 90
/** A message costs some hundred bytes once parsed; the largest models known have some hundred thousand. */
const MAX_MESSAGES = 8_000_000
/** A listed number costs 8 to 32 bytes once parsed, while its encoding may take one. */
const MAX_NUMBERS = 100_000_000

const VARINT = 0
const BIT64 = 1
const BYTES = 2
const BIT32 = 5

interface FieldRule {
  name: string
  /** Wire type of one element. */
  wire: number
  /** Set for embedded messages. */
  message?: DescMessage
  /** A list of numbers, which may come packed. */
  packable: boolean
}

const rules = new WeakMap<DescMessage, Map<number, FieldRule>>()

function rulesOf(message: DescMessage): Map<number, FieldRule> {
  const known = rules.get(message)
  if (known) return known
  const made = new Map(message.fields.map(field => [field.number, ruleOf(field)]))
  rules.set(message, made)
  return made
}

function ruleOf(field: DescField): FieldRule {
  const name = `${field.parent.name}.${field.name}`
  if (field.message) return { name, wire: BYTES, message: field.message, packable: false }
  const wire = field.scalar === undefined ? VARINT : wireOf(field.scalar)
  return { name, wire, packable: field.fieldKind === 'list' && wire !== BYTES }
}

function wireOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return BYTES
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return BIT32
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return BIT64
    default:
      return VARINT
  }
}

/** Throws `bad-file` unless the bytes are a well-formed ModelProto; the message says what is wrong and where. */
export function checkWire(bytes: Uint8Array): void {
  new WireCheck(bytes).message(ModelProtoSchema, bytes.byteLength, 0)
}

class WireCheck {
  private at = 0
  private messages = 0
  private numbers = 0

  constructor(private readonly bytes: Uint8Array) {}

  message(schema: DescMessage, end: number, depth: number): void {
    if (depth > MAX_DEPTH) throw damaged('it nests too deeply', this.at)
    if (++this.messages > MAX_MESSAGES) throw damaged('it has too many parts', this.at)
    const fields = rulesOf(schema)
    while (this.at < end) {
      const start = this.at
      const tag = this.varint(end)
      const number = Math.floor(tag / 8)
      const wire = tag % 8
      if (number === 0 || number > 0x1fffffff) throw damaged('it has a field of an impossible number', start)
      const rule = fields.get(number)
      if (!rule) this.skip(wire, end, start)
      else this.field(rule, wire, end, depth, start)
    }
  }

  private field(rule: FieldRule, wire: number, end: number, depth: number, start: number): void {
    if (wire === BYTES && rule.packable) {
      this.packed(rule, this.length(end), start)
    } else if (wire !== rule.wire) {
      throw damaged(`${rule.name} has the wrong wire type`, start)
    } else if (rule.message) {
      const inner = this.length(end)
      this.message(rule.message, inner, depth + 1)
    } else {
      if (rule.packable) this.count(1)
      this.skip(wire, end, start)
    }
  }

  private packed(rule: FieldRule, end: number, start: number): void {
    if (rule.wire === VARINT) {
      while (this.at < end) {
        this.varint(end)
        this.count(1)
      }
      return
    }
    const size = rule.wire === BIT32 ? 4 : 8
    if ((end - this.at) % size !== 0) throw damaged(`${rule.name} ends inside a number`, start)
    this.count((end - this.at) / size)
    this.at = end
  }

  private count(more: number): void {
    this.numbers += more
    if (this.numbers > MAX_NUMBERS) throw damaged('it lists too many numbers', this.at)
  }

  private skip(wire: number, end: number, start: number): void {
    if (wire === VARINT) this.varint(end)
    else if (wire === BIT64) this.advance(8, end)
    else if (wire === BIT32) this.advance(4, end)
    else if (wire === BYTES) this.at = this.length(end)
    else throw damaged('it has a field of an unknown kind', start)
  }

  private advance(size: number, end: number): void {
    if (this.at + size > end) throw damaged('it ends inside a number', this.at)
    this.at += size
  }

  /** Reads a length and returns where the field ends. */
  private length(end: number): number {
    const start = this.at
    const size = this.varint(end)
    if (this.at + size > end) throw damaged(`a field of ${size} bytes runs past its end`, start)
    return this.at + size
  }

  private varint(end: number): number {
    const start = this.at
    let value = 0
    for (let shift = 0; shift < 10; shift++) {
      if (this.at >= end) throw damaged('it ends inside a number', start)
      const byte = this.bytes[this.at++] ?? 0
      value += (byte & 127) * 128 ** shift
      if (byte < 128) return value
    }
    throw damaged('it has a number of more than 64 bits', start)
  }
}

function damaged(what: string, at: number): BantamError {
  return new BantamError(
    'bad-file',
    `The file is not an ONNX model, or it is damaged: ${what} (byte ${at}).`,
    {
      action: 'Copy or export the file again.',
    },
  )
}
