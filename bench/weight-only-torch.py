"""GPTQ and AWQ as tools of Python make them from PyTorch modules, written back into the ONNX file they came from.

    pip install torch onnx tokenizers
    pip install nvidia-modelopt requests               # NVIDIA's Model Optimizer: GPTQ, AWQ; symmetric
    pip install --no-deps neural-compressor neural-compressor-pt accelerate
    pip install py-cpuinfo prettytable psutil pyyaml transformers    # Intel's Neural Compressor: GPTQ, AWQ; zero points
    python3 bench/weight-only-torch.py FOLDER OUT --group 32 [--passages FILE] [--only nc-gptq,modelopt-awq]

FOLDER is what bench/language-model.py wrote; its weights are loaded into that script's module. FILE: a JSON list of the
places in FOLDER/train.jsonl of the passages to look at; without, 128 drawn with seed 0. Every tool sees them
without padding. What it leaves are weights on a grid, and for AWQ scales before them: their product replaces the weights
of FOLDER/gpt.onnx, in float32, so that bench/weight-only.py measures all alike. Sizes of these files say nothing.

Neural Compressor passes blocks of a transformer one after another; of the output layer it has inputs without the norm
before it, so that its GPTQ is called here with what the norm gives, and its AWQ, which passes over it, rounds it to
nearest.
"""
import argparse, copy, importlib.util, json, os, random, sys, time, types, warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))


def module_of(name):
    """A script whose name has a dash."""
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), os.path.join(HERE, f"{name}.py"))
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


language = module_of("language-model")


def dense(model):
    """Weights of dense layers: the module's name and the name of the initializer [inputs, outputs]."""
    constants = {i.name for i in model.graph.initializer}
    return {
        node.name.removeprefix("/net/").removesuffix("/MatMul").replace("/", "."): node.input[1]
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in constants
    }


def load(path):
    """The module with the weights of the file."""
    model = onnx.load(path)
    values = {i.name: torch.tensor(numpy_helper.to_array(i)) for i in model.graph.initializer}
    state = {name.removeprefix("net."): value for name, value in values.items() if name.startswith("net.")}
    state.update({f"{name}.weight": values[weight].T for name, weight in dense(model).items()})
    layers = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    width = state["norm.weight"].shape[0]
    net = language.Gpt(width, layers, heads=width // 64)
    net.load_state_dict(state)
    net.eval()
    # Tools for Hugging Face's models ask for these.
    net.config = types.SimpleNamespace(use_cache=False, model_type="gpt", architectures=["Gpt"])
    net.device, net.dtype = torch.device("cpu"), torch.float32
    return net


def save(weights, source, path):
    """Replaces weights [outputs, inputs] by the names of their modules."""
    model = onnx.load(source)
    tensors = {i.name: i for i in model.graph.initializer}
    for name, initializer in dense(model).items():
        value = weights[name].detach().numpy().T.astype(np.float32)
        tensors[initializer].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), initializer))
    onnx.save(model, path)


def passages(folder, file):
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(os.path.join(folder, "train.jsonl"), encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    if file:
        with open(file, encoding="utf-8") as chosen:
            texts = [texts[i] for i in json.load(chosen)]
    else:
        texts = random.Random(0).sample(texts, 128)
    return [torch.tensor([tokenizer.encode(text).ids]) for text in texts]


def linears(net):
    return {name: m for name, m in net.named_modules() if isinstance(m, torch.nn.Linear)}


def run(net, samples):
    """Those of one length together: some tools search anew for every batch."""
    lengths = {}
    for ids in samples:
        lengths.setdefault(ids.shape[1], []).append(ids)
    with torch.no_grad():
        for rows in lengths.values():
            ids = torch.cat(rows)
            net(ids, torch.ones_like(ids))


# ---------------------------------------------------------------- Neural Compressor


def nc_weight(module):
    """[outputs, inputs], of a float or a packed layer."""
    return module.recover() if hasattr(module, "recover") else module.weight


def nc_gptq(net, samples, group):
    from neural_compressor.torch.algorithms.weight_only import gptq

    # Updates in blocks of 128, which a group must not straddle.
    about = dict(dtype="int", bits=4, group_size=group, block_size=128, sym=False, percdamp=0.01)
    config = {name: dict(about) for name in linears(net) if name != "head"}
    # It asks for the folder of a checkpoint, which it then does not read.
    about_data = dict(nsamples=len(samples), use_max_length=False, model_path=HERE)
    tool = gptq.RAWGPTQuantizer(net, weight_config=config, device="cpu", **about_data)
    tool.prepare_for_calibration()
    for ids in samples:
        tool.model(ids, torch.ones_like(ids))
    tool.remove_prepare_for_calibration()
    net = tool.execute_quantization()
    weights = {name: nc_weight(module) for name, module in net.named_modules() if name in config}
    head = gptq.GPTQ(net.head, net.head.weight.data.clone(), "cpu")
    head.quantizer.configure(next(iter(config.values())))
    handle = net.head.register_forward_hook(lambda _, given, out: head.add_batch(given[0].data, out.data))
    run(net, samples)
    handle.remove()
    *_, weights["head"] = head.fasterquant(net.head.weight.data.clone(), 128, 0.01, group)
    return weights


def nc_awq(net, samples, group):
    from neural_compressor.torch.algorithms.weight_only import awq

    before = copy.deepcopy(net)
    about = dict(dtype="int", bits=4, group_size=group, scheme="asym", group_dim=1)
    about.update(use_full_range=False, use_mse_search=False, use_double_quant=False, double_quant_dtype="int")
    about.update(double_quant_bits=8, double_quant_scheme="sym", double_quant_group_size=256)
    # Layers that get a Mul are rounded inside a module of their own.
    config = {name: dict(about) for name in linears(net)}
    config.update({f"{name}.linear": dict(about) for name in linears(net)})
    # Scales go where they can be folded as ours do, by the same rule: into the norm, else before the layer.
    folds = {"norm1": ("query", "key", "value"), "out": "out", "norm2": "up", "down": "down"}
    tool = awq.AWQQuantizer(config, folds)
    net = tool.prepare(net)
    for ids in samples:
        net(ids, torch.ones_like(ids))
    net = tool.convert(net, bits=4, group_size=group, scheme="asym", example_inputs=samples[0], use_mse_search=False)
    weights = {}
    for name, module in net.named_modules():
        plain = name.removesuffix(".linear")
        if plain not in config or type(module).__name__ == "MulLinear":
            continue
        weight = nc_weight(module)
        norm = {"query": "norm1", "key": "norm1", "value": "norm1", "up": "norm2"}.get(plain.split(".")[-1])
        if norm:
            path = ".".join([*plain.split(".")[:-1], norm])
            weight = weight * (net.get_submodule(path).weight / before.get_submodule(path).weight)
        elif plain != name:
            weight = weight * net.get_submodule(plain).input_scale
        weights[plain] = weight
    return weights


# ---------------------------------------------------------------- Model Optimizer


def modelopt(net, samples, group, algorithm):
    import modelopt.torch.quantization as mtq

    config = copy.deepcopy(mtq.INT4_AWQ_CFG)
    for entry in config["quant_cfg"]:
        if isinstance(entry, dict) and "weight_quantizer" in entry.get("quantizer_name", "") and entry.get("cfg"):
            entry["cfg"]["block_sizes"] = {-1: group, "type": "static"}
    config["algorithm"] = algorithm
    net = mtq.quantize(net, config, lambda model: run(model, samples))
    weights = {}
    for name, module in linears(net).items():
        weight = module.weight_quantizer(module.weight)
        scale = getattr(module.input_quantizer, "_pre_quant_scale", None)
        weights[name] = weight if scale is None else weight * scale
    return weights


TOOLS = {
    "nc-gptq": nc_gptq,
    "nc-awq": nc_awq,
    "modelopt-rtn": lambda *given: modelopt(*given, "max"),
    "modelopt-gptq": lambda *given: modelopt(*given, {"method": "gptq"}),
    "modelopt-awq": lambda *given: modelopt(*given, {"method": "awq_lite"}),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--group", type=int, default=32)
    parser.add_argument("--passages")
    parser.add_argument("--only", default=",".join(TOOLS))
    options = parser.parse_args()
    source = os.path.join(options.folder, "gpt.onnx")
    samples = passages(options.folder, options.passages)
    torch.set_num_threads(1)
    for name in options.only.split(","):
        started = time.process_time()
        try:
            weights = TOOLS[name](load(source), samples, options.group)
        except ImportError as error:
            print(f"no {name}: {error}", file=sys.stderr)
            continue
        save(weights, source, os.path.join(options.out, f"peer-{name}-{options.group}.onnx"))
        print(f"{name}, blocks of {options.group}: {time.process_time() - started:.1f} s of processor", file=sys.stderr)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
