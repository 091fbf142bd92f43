using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Training.Native;
using TorchSharp;

namespace Dtt.Training.Benchmarks;

/// <summary>The plain TorchSharp program as a peer of <see cref="BenchPeer"/>: a process of its own, started as its users would start it.</summary>
internal static class EagerPeer
{
    /// <summary>Does a step for every line of stdin and prints its seconds.</summary>
    /// <returns>The exit code.</returns>
    /// <param name="shape">As <see cref="BenchPlan.Arguments"/> has it.</param>
    public static int Run(string[] shape)
    {
        TorchRuntime.Load();
        var n = shape[..9].Select(s => int.Parse(s, CultureInfo.InvariantCulture)).ToArray();
        var model = new ModelConfig
        {
            Architecture = "gpt2",
            NumLayers = n[0],
            NumHeads = n[1],
            NumKvHeads = n[1],
            ModelDim = n[2],
            MlpDim = n[3],
            ContextLength = n[4],
            VocabSize = n[5],
            TieEmbeddings = true,
            Dropout = 0,
            FlashAttention = true,
        };
        var bf16 = shape[9] == "bf16";
        using var eager = new EagerGpt(model, n[6], n[7], bf16);
        Console.Out.WriteLine($"TorchSharp's modules, libtorch {torch.__version__}, {(bf16 ? "bf16" : "fp32")}, {TorchRuntime.Threads} threads");
        while (Console.In.ReadLine() is not null) Console.Out.WriteLine(eager.Seconds().ToString("R", CultureInfo.InvariantCulture));
        return Core.Errors.ExitCodes.Success;
    }
}
