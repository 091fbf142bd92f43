using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Data;
using Dtt.Training.Kernels;
using Dtt.Training.Kernels.Cpu;
using Dtt.Training.Kernels.Cuda;
using Dtt.Training.Kernels.Torch;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Tests.Kernels.Cuda;
using static TorchSharp.torch;

[assembly: AssemblyFixture(typeof(Dtt.Training.Tests.TorchFixture))]
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)] // torch's random state and threads belong to the process

namespace Dtt.Training.Tests;

/// <summary>Loads libtorch once for all tests.</summary>
public sealed class TorchFixture
{
    public TorchFixture() => TorchRuntime.Load();
}

internal static class Tiny
{
    public const int B = 2, T = 8, Vocab = 37;

    public static ModelConfig Model(string architecture, double dropout = 0, bool flash = true) => new()
    {
        Architecture = architecture,
        NumLayers = 2,
        NumHeads = Architectures.Of(architecture).ChoosesHeads ? 4 : 2,
        NumKvHeads = 2,
        HeadDim = architecture == "qwen3" ? 16 : 0,
        RopeTheta = 500,
        TieEmbeddings = !Architectures.Of(architecture).ChoosesTying,
        ModelDim = 16,
        MlpDim = 40,
        ContextLength = T,
        VocabSize = Vocab,
        Dropout = dropout,
        FlashAttention = flash,
    };

    /// <summary>Implementations of the kernels, by name: those that are tested on a CPU, and the GPU's.</summary>
    public static IReadOnlyList<string> AllKernels { get; } = ["cpu", "torch", "cuda"];

    /// <summary>The GPU's, of which an emulator runs what is our own.</summary>
    public const string Emulated = "emulated";

    /// <summary>Kernels by name; null: there is no such device here.</summary>
    public static IKernels? KernelsOf(string name) => name switch
    {
        "cpu" => new CpuKernels(),
        "torch" => new TorchKernels(CPU),
        Emulated => new CudaKernels(CPU, Emulator.Module),
        _ => cuda.is_available() ? IKernels.Of(CUDA) : null,
    };

    /// <summary>The end of text of <see cref="Batch"/>: one of its tokens.</summary>
    public const int EndOfText = 11;

    public static Gpt Gpt(ModelConfig model, bool bf16 = false, string kernels = "cpu") =>
        new(model, new FlatParameters(ParameterTable.Of(model), CPU, bf16, forTraining: true, KernelsOf(kernels)), EndOfText);

    /// <summary>The weights of tests/reference/make_reference.py.</summary>
    public static Gpt WithFormulaWeights(ModelConfig model, bool bf16 = false, string kernels = "cpu")
    {
        var gpt = Gpt(model, bf16, kernels);
        for (var index = 0; index < gpt.Parameters.Table.Count; index++)
        {
            var spec = gpt.Parameters.Table[index];
            var start = (spec.Name.Contains("ln_") || spec.Name.Contains("norm")) && spec.Name.EndsWith("weight") ? 1.0 : 0.0;
            var values = Enumerable.Range(0, (int)spec.Count)
                .Select(k => (float)(start + 0.2 * Math.Sin(0.7311 * (k + 1) + 1.7 * index + 0.3 * (k % 7)))).ToArray();
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            gpt.Parameters.ViewOf(spec.Name, gpt.Parameters.Master).copy_(tensor(values, [.. spec.Shape]));
        }

        gpt.Parameters.MasterChanged();
        return gpt;
    }

    /// <summary>The tokens of tests/reference/make_reference.py.</summary>
    public static (Tensor Inputs, Tensor Targets) Batch(int batch = B, int seed = 1)
    {
        var tokens = Enumerable.Range(0, batch * (T + 1)).Select(i => (7L * i * i + 3L * i + seed) % Vocab).ToArray();
        var all = tensor(tokens, [batch, T + 1]);
        return (all.narrow(1, 0, T).contiguous(), all.narrow(1, 1, T).contiguous());
    }

    /// <summary>The gradient of these tokens as one micro-batch.</summary>
    public static Tensor ForwardBackward(
        this Gpt gpt, Tensor inputs, Tensor targets, double scale, ulong dropoutSeed = 0, bool checkpointing = false,
        Action<IReadOnlyList<Tensor>>? complete = null) =>
        gpt.ForwardBackward(new MicroBatch(inputs, targets, scale, dropoutSeed), checkpointing, complete: complete);

    public static float[] Values(Tensor t) => t.detach().cpu().contiguous().data<float>().ToArray();

    public static byte[] Bytes(Tensor t) => t.detach().cpu().contiguous().bytes.ToArray();
}
