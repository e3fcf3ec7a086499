/** The C# example of a bundle. */
import { BantamError } from '../../../shared/errors'
import { type BundleFacts, literal, oneLine, sampleFile, shapeLine } from './facts'

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
}

/** Files by their paths inside the bundle. */
export function csharpExample(facts: BundleFacts, runtime: string): Record<string, string> {
  return { 'csharp/Example.csproj': project(runtime), 'csharp/Program.cs': program(facts) }
}

function project(runtime: string): string {
  return `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net8.0</TargetFramework>
    <Nullable>enable</Nullable>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="${runtime.split('.').slice(0, 2).join('.')}.*" />
  </ItemGroup>
</Project>
`
}

/** The C# name of an element type. Throws `unsupported` for those C# has no array of. */
function typeName(type: string): string {
  const name = TYPES[type]
  if (name) return name
  throw new BantamError('unsupported', `Inputs of type ${type} cannot be bundled.`, {
    action: 'Export the ONNX file alone.',
  })
}

function program(facts: BundleFacts): string {
  const feeds = facts.inputs.map(
    (input, i) =>
      `    NamedOnnxValue.CreateFromTensor(${literal(input.name)}, Npy.Read<${typeName(input.type)}>(files.Length > 0 ? files[${i}] : Path.Combine(bundle, ${literal(sampleFile(i))}))),`,
  )
  return `// Runs ${oneLine(facts.name)} with ONNX Runtime: dotnet run [FILE${facts.inputs.length > 1 ? '...' : ''}]
// Without a file: the sample that came along. A FILE is a .npy as the model is fed, after preprocessing.json was applied.
// Inputs:  ${facts.inputs.map(shapeLine).join('; ')}
// Outputs: ${facts.outputs.map(shapeLine).join('; ')}
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

var files = args;
if (files.Length != 0 && files.Length != ${facts.inputs.length})
{
    Console.Error.WriteLine("Give one file for each of the ${facts.inputs.length} inputs.");
    return 2;
}
// The bundle is the nearest folder above the program that holds the model.
var bundle = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(bundle, "model.onnx")))
    bundle = Path.GetDirectoryName(bundle) ?? throw new FileNotFoundException("model.onnx is not above the program.");
var labels = JsonSerializer.Deserialize<string[]>(File.ReadAllText(Path.Combine(bundle, "labels.json")))!;
using var session = new InferenceSession(Path.Combine(bundle, "model.onnx"));
using var results = session.Run(new[]
{
${feeds.join('\n')}
});
${explainCode(facts)}
return 0;

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

function explainCode(facts: BundleFacts): string {
  const type = facts.outputs.find(o => o.name === facts.answer)?.type
  if (facts.answer === null || type === undefined) {
    return `foreach (var result in results)
    Console.WriteLine($"{result.Name}: {result.ElementType}, {result.Value}");`
  }
  const value = type === 'float16' ? '(double)(float)v' : '(double)v'
  return `// The likeliest classes. Values that are no distribution yet go through softmax.
var output = results.First(r => r.Name == ${literal(facts.answer)}).AsTensor<${typeName(type)}>();
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
