/** The Python example. */
import type { ImagePreprocessing, Preprocessing } from '../domain'
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
} from './model'

const ONNXRUNTIME = `onnxruntime>=${RUNTIME.split('.').slice(0, 2).join('.')}`

/** Files by their paths inside a bundle. */
export function pythonExample(model: ExampleModel): Record<string, string> {
  const requirements = ['numpy', ONNXRUNTIME, ...(imageOf(model) ? ['Pillow'] : [])]
  return { 'python/requirements.txt': `${requirements.join('\n')}\n`, 'python/run.py': pythonProgram(model) }
}

/** A runnable Python program for the model, with the preprocessing it was measured with. */
export function pythonProgram(model: ExampleModel): string {
  const { preprocessing: p } = model
  const inBundle = model.bundle !== null
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
${imageOf(model) ? 'from PIL import Image, ImageOps\n' : ''}
${inBundle ? 'BUNDLE = Path(__file__).resolve().parent.parent\n' : ''}INPUTS = [${inputs.map(i => literal(i.name)).join(', ')}]
${(inBundle ? BESIDE : constants(model)).map(line => `${line}\n`).join('')}

${loadCode(p, model.inputs[0]?.type ?? 'float32')}

${explainCode(model)}

def main(files):
    if ${inBundle ? 'files and len(files) != len(INPUTS)' : 'len(files) > len(INPUTS)'}:
        sys.exit("Give ${inBundle ? 'one' : 'at most one'} file for each of: " + ", ".join(INPUTS))
    session = ort.InferenceSession(${inBundle ? 'str(BUNDLE / "model.onnx")' : literal(model.file)}, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    results = dict(zip(names, session.run(names, {
${inputs.map((input, i) => `        ${literal(input.name)}: ${feedCode(input, i, inBundle)},`).join('\n')}
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
  if (!model.bundle) {
    const packages = ['numpy', `"${ONNXRUNTIME}"`, ...(imageOf(model) ? ['Pillow'] : [])]
    return `# Runs ${oneLine(model.name)} with ONNX Runtime. Set up once with: pip install ${packages.join(' ')}
#   python example.py FILE${many ? '...' : '   '}   ${kind}; without one: zeros`
  }
  return `# Runs ${oneLine(model.name)} with ONNX Runtime. Set up once with: pip install -r requirements.txt
#   python run.py           the sample that came along, compared with what Bantam measured
#   python run.py FILE${many ? '...' : '   '}   ${kind}`
}

const BESIDE = [
  'preprocessing = json.loads((BUNDLE / "preprocessing.json").read_text("utf-8"))',
  'labels = json.loads((BUNDLE / "labels.json").read_text("utf-8"))',
]

function constants(model: ExampleModel): string[] {
  const { preprocessing: p } = model
  return [
    ...(p && !isIdentity(p) ? [`preprocessing = ${literal(p)}`] : []),
    ...(model.answer === null ? [] : [`labels = ${literal(model.classes)}`]),
  ]
}

function feedCode(input: ExampleInput, index: number, inBundle: boolean): string {
  const given = input.prepared ? `load(files[${index}])` : `np.load(files[${index}])`
  const other = inBundle ? `np.load(BUNDLE / ${literal(sampleFile(index))})` : zeros(input)
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

function loadCode(p: Preprocessing | null, type: string): string {
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
