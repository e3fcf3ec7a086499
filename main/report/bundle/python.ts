/** The Python example of a bundle. */
import type { ImagePreprocessing, Preprocessing } from '../../../shared/domain'
import { type BundleFacts, literal, oneLine, sampleFile, shapeLine } from './facts'

/** Files by their paths inside the bundle. */
export function pythonExample(facts: BundleFacts, runtime: string): Record<string, string> {
  const isImage = facts.preprocessing?.kind === 'image'
  const requirements = [
    'numpy',
    `onnxruntime>=${runtime.split('.').slice(0, 2).join('.')}`,
    ...(isImage ? ['Pillow'] : []),
  ]
  return { 'python/requirements.txt': `${requirements.join('\n')}\n`, 'python/run.py': script(facts) }
}

function script(facts: BundleFacts): string {
  const { preprocessing: p } = facts
  const many = facts.inputs.length > 1
  const kind = p?.kind === 'image' ? 'an image' : 'a .npy file of raw values'
  return `# Runs ${oneLine(facts.name)} with ONNX Runtime. Set up once with: pip install -r requirements.txt
#   python run.py           the sample that came along, compared with what Bantam measured
#   python run.py FILE${many ? '...' : '   '}   ${kind}${many ? ' for every input, in this order' : ''}
# Inputs:  ${facts.inputs.map(shapeLine).join('; ')}
# Outputs: ${facts.outputs.map(shapeLine).join('; ')}
import json
import os
import sys
from pathlib import Path

import numpy as np

# Official builds of ONNX Runtime send usage data to their maker unless this is set.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort
${p?.kind === 'image' ? 'from PIL import Image, ImageOps\n' : ''}
BUNDLE = Path(__file__).resolve().parent.parent
INPUTS = [${facts.inputs.map(i => literal(i.name)).join(', ')}]
SAMPLES = [${facts.inputs.map((_, i) => literal(sampleFile(i))).join(', ')}]
preprocessing = json.loads((BUNDLE / "preprocessing.json").read_text("utf-8"))
labels = json.loads((BUNDLE / "labels.json").read_text("utf-8"))

${loadCode(p, facts.inputs[0]?.type ?? 'float32')}

${explainCode(facts)}

def main(files):
    if files and len(files) != len(INPUTS):
        sys.exit("Give one file for each of: " + ", ".join(INPUTS))
    session = ort.InferenceSession(str(BUNDLE / "model.onnx"), providers=["CPUExecutionProvider"])
    tensors = [load(f) for f in files] or [np.load(BUNDLE / s) for s in SAMPLES]
    names = [o.name for o in session.get_outputs()]
    results = dict(zip(names, session.run(names, dict(zip(INPUTS, tensors)))))
    explain(results)
    if not files:
        expected = json.loads((BUNDLE / "sample/expected.json").read_text("utf-8"))
        largest = 0.0
        for name, e in expected.items():
            values = results[name].astype(np.float64).ravel()[: len(e["data"])]
            largest = max(largest, float(np.abs(values - np.array(e["data"])).max(initial=0)))
        print(f"Largest difference to Bantam's answers: {largest}")


main(sys.argv[1:])
`
}

function loadCode(p: Preprocessing | null, type: string): string {
  const rounded = type.startsWith('float') ? '' : '.round()'
  const dtype = type === 'bool' ? 'bool_' : type
  if (!p) {
    return `def load(file):
    """The model takes the values as they are."""
    return np.load(file)

`
  }
  if (p.kind === 'array') {
    return `def load(file):
    """(x * scale - mean) / std, with one mean and std for all values or for every place on the last axis."""
    p = preprocessing
    x = np.load(file).astype(np.float64)
    return ((x * p["scale"] - np.array(p["mean"])) / np.array(p["std"]))${rounded}.astype(np.${dtype})

`
  }
  return imageCode(p, `${rounded}.astype(np.${dtype})`)
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

function explainCode(facts: BundleFacts): string {
  if (facts.answer === null) {
    return `def explain(results):
    """The first values of every output."""
    for name, value in results.items():
        print(name, list(value.shape), value.ravel()[:8].tolist())

`
  }
  return `def explain(results):
    """The likeliest classes. Values that are no distribution yet go through softmax."""
    output = results[${literal(facts.answer)}].astype(np.float64)
    values = output.reshape(-1, output.shape[-1])[0]
    if (values < 0).any() or abs(values.sum() - 1) >= 1e-3:
        values = np.exp(values - values.max())
    shares = values / values.sum()
    for i in np.argsort(-shares)[:5]:
        print(f"{labels[i] if i < len(labels) else i}: {shares[i]:.2%}")

`
}
