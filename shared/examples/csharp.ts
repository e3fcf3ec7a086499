/** The C# example. Pictures go through ImageSharp, whose resizing differs a little from the engine's. */
import type { ImagePreprocessing } from '../domain'
import {
  channelCount,
  type ExampleInput,
  type ExampleModel,
  exampleInputs,
  headLines,
  imageOf,
  literal,
  oneLine,
  pictureShape,
  RUNTIME,
  sampleFile,
  textOf,
} from './model'

const ONNXRUNTIME = `${RUNTIME.split('.').slice(0, 2).join('.')}.*`
/** The last line of versions under the Apache licence. */
const IMAGESHARP = '2.1.*'

const TYPES: Record<string, string> = {
  float32: 'float',
  float64: 'double',
  float16: 'Float16',
  int8: 'sbyte',
  uint8: 'byte',
  int16: 'short',
  uint16: 'ushort',
  int32: 'int',
  uint32: 'uint',
  int64: 'long',
  uint64: 'ulong',
  bool: 'bool',
  string: 'string',
}
const SAMPLER = { nearest: 'NearestNeighbor', bilinear: 'Triangle', bicubic: 'Bicubic' } as const
const MODE = { stretch: 'Stretch', crop: 'Crop', pad: 'Pad' } as const

/** Files by their paths inside a bundle. */
export function csharpExample(model: ExampleModel): Record<string, string> {
  return { 'csharp/Example.csproj': project(model), 'csharp/Program.cs': csharpProgram(model) }
}

function project(model: ExampleModel): string {
  const picture = imageOf(model)
    ? `\n    <PackageReference Include="SixLabors.ImageSharp" Version="${IMAGESHARP}" />`
    : ''
  return `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net8.0</TargetFramework>
    <Nullable>enable</Nullable>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="${ONNXRUNTIME}" />${picture}
  </ItemGroup>
</Project>
`
}

function typeName(type: string): string {
  return TYPES[type] ?? 'float'
}

/** A C# program (top-level statements) for the model. Pictures get the preprocessing it was measured with. */
export function csharpProgram(model: ExampleModel): string {
  const image = imageOf(model)
  const { bundle, inputs } = model
  const count = inputs.length
  return `${usage(model)}
${headLines(model, '//').join('\n')}
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
${image ? 'using SixLabors.ImageSharp;\nusing SixLabors.ImageSharp.PixelFormats;\nusing SixLabors.ImageSharp.Processing;\n' : ''}
var files = args;
if (${bundle ? `files.Length != 0 && files.Length != ${count}` : `files.Length > ${count}`})
{
    Console.Error.WriteLine("Give ${bundle ? 'one' : 'at most one'} file for each of the ${count} inputs.");
    return 2;
}
${bundle ? BESIDE : alone(model)}
using var results = session.Run(new[]
{
${exampleInputs(model)
  .map(
    (input, i) =>
      `    NamedOnnxValue.CreateFromTensor(${literal(input.name)}, ${feedCode(model, input, i)}),`,
  )
  .join('\n')}
});
${explainCode(model)}
return 0;
${image ? `\n${prepareCode(image)}\n` : ''}
static class Npy
{
    /// <summary>Reads a .npy file whose element type is T, byte for byte.</summary>
    public static DenseTensor<T> Read<T>(string path) where T : struct
    {
        var bytes = File.ReadAllBytes(path);
        var wide = bytes[6] > 1;
        var start = wide ? 12 + BitConverter.ToInt32(bytes, 8) : 10 + BitConverter.ToUInt16(bytes, 8);
        var header = Encoding.Latin1.GetString(bytes, 0, start);
        var shape = Regex.Match(header, @"'shape': *\\(([^)]*)\\)").Groups[1].Value;
        var dims = shape.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(int.Parse).ToArray();
        return new DenseTensor<T>(MemoryMarshal.Cast<byte, T>(bytes.AsSpan(start)).ToArray(), dims);
    }
}
`
}

function usage(model: ExampleModel): string {
  const kind = imageOf(model)
    ? 'The first FILE is a picture, or a .npy as the model is fed, as is every other.'
    : 'A FILE is a .npy as the model is fed, after the preprocessing.'
  const without = model.bundle ? 'Without a file: the sample that came along.' : 'Without a file: zeros.'
  const packages = [
    ` Microsoft.ML.OnnxRuntime --version ${ONNXRUNTIME}`,
    ...(imageOf(model) ? [` SixLabors.ImageSharp --version ${IMAGESHARP}`] : []),
  ]
  return [
    `// Runs ${oneLine(model.name)} with ONNX Runtime: dotnet run [FILE${model.inputs.length > 1 ? '...' : ''}]`,
    `// ${without} ${kind}`,
    ...(textOf(model) ? NO_TOKENIZER : []),
    ...(model.bundle ? [] : packages.map(p => `// dotnet add package${p}`)),
  ].join('\n')
}

const NO_TOKENIZER = [
  '// The model reads tokens. .NET has no library that reads tokenizer.json, so this program takes token numbers: cut the',
  '// text with the Node or the Python example, or with one of your own, and save what each input takes as .npy, in its type.',
]

const BESIDE = `// The bundle is the nearest folder above the program that holds the model.
var bundle = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(bundle, "model.onnx")))
    bundle = Path.GetDirectoryName(bundle) ?? throw new FileNotFoundException("model.onnx is not above the program.");
var labels = JsonSerializer.Deserialize<string[]>(File.ReadAllText(Path.Combine(bundle, "labels.json")))!;
using var session = new InferenceSession(Path.Combine(bundle, "model.onnx"));`

function alone(model: ExampleModel): string {
  const names = model.classes.map(c => literal(c)).join(', ')
  return [
    ...(model.answer === null ? [] : [`string[] labels = { ${names} };`]),
    `using var session = new InferenceSession(${literal(model.file)});`,
  ].join('\n')
}

/** A file if there is one, else the sample of the bundle or zeros. */
function feedCode(model: ExampleModel, input: ExampleInput, index: number): string {
  const image = index === 0 ? imageOf(model) : null
  const type = typeName(input.type)
  const tensor = (data: string, shape: readonly number[]) =>
    `new DenseTensor<${type}>(${data}, ${shape.length === 0 ? 'new int[0]' : `new[] { ${shape.join(', ')} }`})`
  const zeros = tensor(`new ${type}[${input.size}]`, input.shape)
  // Npy.Read copies bytes, which text does not have.
  if (input.type === 'string') return zeros
  const file = `files[${index}]`
  const npy = `Npy.Read<${type}>(${file})`
  const picture = image && tensor(converted(`Prepare(${file})`, type), pictureShape(image))
  const given = picture ? `${file}.EndsWith(".npy") ? ${npy} : ${picture}` : npy
  const other = model.bundle
    ? `Npy.Read<${type}>(Path.Combine(bundle, ${literal(sampleFile(index))}))`
    : zeros
  return `files.Length <= ${index} ? ${other} : ${given}`
}

function converted(prepared: string, type: string): string {
  if (type === 'float') return prepared
  const value = type === 'double' || type === 'Float16' ? `(${type})x` : `(${type})MathF.Round(x)`
  return `Array.ConvertAll(${prepared}, x => ${value})`
}

function prepareCode(image: ImagePreprocessing): string {
  const factor = image.fit === 'crop' ? image.cropScale : 1
  const to = { height: Math.round(image.height * factor), width: Math.round(image.width * factor) }
  const channels = channelCount(image)
  const area = image.height * image.width
  const floats = (values: readonly number[]) => values.map(v => `${v}f`).join(', ')
  const at = image.layout === 'NCHW' ? `c * ${area} + i` : `i * ${channels} + c`
  // padValue is given after scale.
  const pad = Math.max(0, Math.min(255, Math.round(image.padValue / image.scale)))
  const value = {
    gray: 'new[] { 0.299f * p.R + 0.587f * p.G + 0.114f * p.B }',
    rgb: 'new float[] { p.R, p.G, p.B }',
    bgr: 'new float[] { p.B, p.G, p.R }',
  }[image.channels]
  const [left, top] = [Math.round((to.width - image.width) / 2), Math.round((to.height - image.height) / 2)]
  return [
    '// A picture as the model is fed. ImageSharp resizes a little differently from what the model was measured with.',
    'static float[] Prepare(string file)',
    '{',
    '    using var image = Image.Load<Rgb24>(file);',
    '    image.Mutate(m => m.AutoOrient().Resize(new ResizeOptions',
    '    {',
    `        Size = new Size(${to.width}, ${to.height}), Mode = ResizeMode.${MODE[image.fit]},`,
    `        Sampler = KnownResamplers.${SAMPLER[image.interpolation]},${image.fit === 'pad' ? ` PadColor = Color.FromRgb(${pad}, ${pad}, ${pad}),` : ''}`,
    '    }));',
    ...(image.fit === 'crop' && image.cropScale > 1
      ? [`    image.Mutate(m => m.Crop(new Rectangle(${left}, ${top}, ${image.width}, ${image.height})));`]
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
  ].join('\n')
}

function explainCode(model: ExampleModel): string {
  const type = model.outputs.find(o => o.name === model.answer)?.type
  if (model.answer === null || type === undefined) {
    return `foreach (var result in results)
    Console.WriteLine($"{result.Name}: {result.ElementType}, {result.Value}");`
  }
  const value = type === 'float16' ? '(double)(float)v' : '(double)v'
  return `// The likeliest classes. Values that are no distribution yet go through softmax.
var output = results.First(r => r.Name == ${literal(model.answer)}).AsTensor<${typeName(type)}>();
var values = output.Take(output.Dimensions[^1]).Select(v => ${value}).ToArray();
if (values.Any(v => v < 0) || Math.Abs(values.Sum() - 1) >= 1e-3)
{
    var highest = values.Max();
    values = values.Select(v => Math.Exp(v - highest)).ToArray();
}
var total = values.Sum();
foreach (var (v, i) in values.Select((v, i) => (v, i)).OrderByDescending(x => x.v).Take(5))
    Console.WriteLine($"{(i < labels.Length ? labels[i] : i.ToString())}: {v / total:P2}");`
}
