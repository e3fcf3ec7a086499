/** The Python example. */
import type { ImagePreprocessing, Preprocessing, TextPreprocessing } from '../domain'
import {
  type ExampleInput,
  type ExampleModel,
  exampleInputs,
  fileKind,
  headLines,
  imageOf,
  isIdentity,
  literal,
  oneLine,
  RUNTIME,
  sampleFile,
  textOf,
} from './model'
import { portable, roleOf, TOKENIZE_PYTHON, TOKENIZERS_PYTHON } from './text'

const ONNXRUNTIME = `onnxruntime>=${RUNTIME.split('.').slice(0, 2).join('.')}`

/** Files by their paths inside a bundle. */
export function pythonExample(model: ExampleModel): Record<string, string> {
  const requirements = ['numpy', ONNXRUNTIME, ...extras(model)]
  return { 'python/requirements.txt': `${requirements.join('\n')}\n`, 'python/run.py': pythonProgram(model) }
}

/** Packages beside numpy and ONNX Runtime. */
function extras(model: ExampleModel): string[] {
  return [...(imageOf(model) ? ['Pillow'] : []), ...(textOf(model) ? [TOKENIZERS_PYTHON] : [])]
}

/** A runnable Python program for the model, with the preprocessing it was measured with. */
export function pythonProgram(model: ExampleModel): string {
  const { preprocessing: p } = model
  const inBundle = model.bundle !== null
  const isText = textOf(model) !== null
  const inputs = exampleInputs(model)
  return `${usage(model)}
${headLines(model, '#').join('\n')}
${inBundle ? 'import json\n' : ''}import os
import sys
${inBundle ? 'from pathlib import Path\n' : ''}
import numpy as np

# Official builds of ONNX Runtime send usage data to their maker unless this is set.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort
${imageOf(model) ? 'from PIL import Image, ImageOps\n' : ''}${isText ? 'from tokenizers import Tokenizer\n' : ''}
${inBundle ? 'BUNDLE = Path(__file__).resolve().parent.parent\n' : ''}INPUTS = [${inputs.map(i => literal(i.name)).join(', ')}]
${[...(inBundle ? BESIDE : constants(model)), ...(isText ? [tokenizerLine(inBundle)] : [])].map(line => `${line}\n`).join('')}

${p?.kind === 'text' ? TOKENIZE_PYTHON : loadCode(p, model.inputs[0]?.type ?? 'float32')}

${explainCode(model)}

def main(files):
${isText ? FEED_TEXT : countFiles(inBundle)}    session = ort.InferenceSession(${inBundle ? 'str(BUNDLE / "model.onnx")' : literal(model.file)}, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    results = dict(zip(names, session.run(names, {
${inputs.map((input, i) => `        ${literal(input.name)}: ${feedCode(model, input, i)},`).join('\n')}
    })))
    explain(results)
${inBundle ? COMPARE : ''}

main(sys.argv[1:])
`
}

function usage(model: ExampleModel): string {
  const many = model.inputs.length > 1
  const others = imageOf(model)
    ? ', then a .npy as the model is fed for every other input'
    : ' for every input, in this order'
  const kind = `${fileKind(model)}${many ? others : ''}`
  if (textOf(model)) return usageOfText(model)
  if (!model.bundle) {
    const packages = ['numpy', `"${ONNXRUNTIME}"`, ...extras(model)]
    return `# Runs ${oneLine(model.name)} with ONNX Runtime. Set up once with: pip install ${packages.join(' ')}
#   python example.py FILE${many ? '...' : '   '}   ${kind}; without one: zeros`
  }
  return `# Runs ${oneLine(model.name)} with ONNX Runtime. Set up once with: pip install -r requirements.txt
#   python run.py           the sample that came along, compared with what Bantam measured
#   python run.py FILE${many ? '...' : '   '}   ${kind}`
}

function usageOfText(model: ExampleModel): string {
  const name = oneLine(model.name)
  const kind = fileKind(model)
  if (model.bundle) {
    return `# Runs ${name} with ONNX Runtime. Set up once with: pip install -r requirements.txt
#   python run.py           the sample that came along, compared with what Bantam measured
#   python run.py TEXT      ${kind}`
  }
  return `# Runs ${name} with ONNX Runtime. Needs its tokenizer.json beside it; set up once with:
#   pip install numpy "${ONNXRUNTIME}" "${TOKENIZERS_PYTHON}"
#   python example.py TEXT  ${kind}; without one: zeros`
}

const BESIDE = [
  'preprocessing = json.loads((BUNDLE / "preprocessing.json").read_text("utf-8"))',
  'labels = json.loads((BUNDLE / "labels.json").read_text("utf-8"))',
]

/** JSON that Python reads too: of text without `truncation`, whose `true` is no Python and which the program does not ask. */
function pythonLiteral(p: Preprocessing): string {
  return p.kind === 'text' ? literal(portable(p)).replace(/"truncation":(true|false),/, '') : literal(p)
}

function constants(model: ExampleModel): string[] {
  const { preprocessing: p } = model
  return [
    ...(p && !isIdentity(p) ? [`preprocessing = ${pythonLiteral(p)}`] : []),
    ...(model.answer === null ? [] : [`labels = ${literal(model.classes)}`]),
  ]
}

function countFiles(inBundle: boolean): string {
  return `    if ${inBundle ? 'files and len(files) != len(INPUTS)' : 'len(files) > len(INPUTS)'}:
        sys.exit("Give ${inBundle ? 'one' : 'at most one'} file for each of: " + ", ".join(INPUTS))
`
}

const FEED_TEXT = `    if len(files) > 2:
        sys.exit("Give a text, or two that belong together.")
    fed = tokenize(files) if files else None
`

function tokenizerLine(inBundle: boolean): string {
  return `tokenizer = Tokenizer.from_file(${inBundle ? 'str(BUNDLE / "tokenizer.json")' : '"tokenizer.json"'})`
}

function feedCode(model: ExampleModel, input: ExampleInput, index: number): string {
  const inBundle = model.bundle !== null
  const given = input.prepared ? `load(files[${index}])` : `np.load(files[${index}])`
  const other = inBundle ? `np.load(BUNDLE / ${literal(sampleFile(index))})` : zeros(input)
  if (textOf(model)) {
    const tokens = `np.array([fed[${literal(roleOf(model, input) ?? '')}]], ${numpyType(input.type)})`
    return input.prepared ? `${tokens} if fed else ${other}` : other
  }
  return `${given} if len(files) > ${index} else ${other}`
}

function zeros({ shape, type }: ExampleInput): string {
  return `np.zeros((${shape.join(', ')}${shape.length === 1 ? ',' : ''}), ${numpyType(type)})`
}

function numpyType(type: string): string {
  if (type === 'bool') return 'np.bool_'
  return type === 'string' ? 'np.str_' : `np.${type}`
}

const COMPARE = `    if not files:
        expected = json.loads((BUNDLE / "sample/expected.json").read_text("utf-8"))
        largest = 0.0
        for name, e in expected.items():
            values = results[name].astype(np.float64).ravel()[: len(e["data"])]
            largest = max(largest, float(np.abs(values - np.array(e["data"])).max(initial=0)))
        print(f"Largest difference to Bantam's answers: {largest}")
`

function loadCode(p: Exclude<Preprocessing, TextPreprocessing> | null, type: string): string {
  if (type === 'string') {
    return `def load(file):
    """The model takes text as it is."""
    return np.load(file)

`
  }
  if (!p || isIdentity(p)) {
    return `def load(file):
    """The model takes the values as they are, in its own type."""
    return np.load(file).astype(${numpyType(type)})

`
  }
  const cast = `${type.startsWith('float') ? '' : '.round()'}.astype(${numpyType(type)})`
  if (p.kind === 'image') return imageCode(p, cast)
  return `def load(file):
    """(x * scale - mean) / std, with one mean and std for all values or for every place on the last axis."""
    p = preprocessing
    x = np.load(file).astype(np.float64)
    return ((x * p["scale"] - np.array(p["mean"])) / np.array(p["std"]))${cast}

`
}

function imageCode(p: ImagePreprocessing, cast: string): string {
  const bgr = p.channels === 'bgr' ? '\n    x = x[:, :, ::-1]  # blue, green, red' : ''
  const layout = p.layout === 'NCHW' ? 'x.transpose(2, 0, 1)[None]' : 'x[None]'
  return `def fit(picture):
    """Resized to the model's size, with the place of its corner."""
    p = preprocessing
    width, height = p["width"], p["height"]
    kernel = Image.Resampling[p["interpolation"].upper()]
    if p["fit"] == "stretch":
        return picture.resize((width, height), kernel), 0, 0
    if p["fit"] == "pad":
        ratio = min(width / picture.width, height / picture.height)
        w = min(width, max(1, int(picture.width * ratio + 0.5)))
        h = min(height, max(1, int(picture.height * ratio + 0.5)))
        return picture.resize((w, h), kernel), (width - w) // 2, (height - h) // 2
    wide, high = int(width * p["cropScale"] + 0.5), int(height * p["cropScale"] + 0.5)
    if wide * picture.height >= high * picture.width:
        w, h = wide, max(high, wide * picture.height // picture.width)
    else:
        w, h = max(wide, high * picture.width // picture.height), high
    left, top = round((w - width) / 2), round((h - height) / 2)
    return picture.resize((w, h), kernel).crop((left, top, left + width, top + height)), 0, 0


def load(file):
    """A picture as the model's input."""
    p = preprocessing
    picture = ImageOps.exif_transpose(Image.open(file)).convert("RGB")${p.channels === 'gray' ? '.convert("L")' : ''}
    picture, left, top = fit(picture)
    pixels = np.asarray(picture, np.float64).reshape(picture.height, picture.width, -1) * p["scale"]
    x = np.full((p["height"], p["width"], pixels.shape[2]), p["padValue"], np.float64)
    x[top : top + picture.height, left : left + picture.width] = pixels${bgr}
    x = (x - np.array(p["mean"])) / np.array(p["std"])
    return ${layout}${cast}

`
}

function explainCode(model: ExampleModel): string {
  if (model.answer === null) {
    return `def explain(results):
    """The first values of every output."""
    for name, value in results.items():
        print(name, list(value.shape), value.ravel()[:8].tolist())

`
  }
  return `def explain(results):
    """The likeliest classes. Values that are no distribution yet go through softmax."""
    output = results[${literal(model.answer)}].astype(np.float64)
    values = output.reshape(-1, output.shape[-1])[0]
    if (values < 0).any() or abs(values.sum() - 1) >= 1e-3:
        values = np.exp(values - values.max())
    shares = values / values.sum()
    for i in np.argsort(-shares)[:5]:
        print(f"{labels[i] if i < len(labels) else i}: {shares[i]:.2%}")

`
}
