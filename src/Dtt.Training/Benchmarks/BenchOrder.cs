using System.Globalization;
using Dtt.Core.Configuration;

namespace Dtt.Training.Benchmarks;

/// <summary>What to measure.</summary>
/// <param name="Model">The model.</param>
/// <param name="Batch">Sequences of a step.</param>
/// <param name="Context">Tokens of a sequence.</param>
/// <param name="Pairs">Interleaved pairs.</param>
/// <param name="Precisions"><c>bf16</c>, <c>fp32</c>.</param>
/// <param name="Peer">A program that does a step of the same model for every line it reads, and prints its seconds; or null.</param>
/// <param name="Parts">Which of <see cref="Core.Diagnostics.BenchParts"/>; empty: all.</param>
/// <param name="Json">Whether results are printed as JSON.</param>
internal sealed record BenchOrder(ModelConfig Model, int Batch, int Context, int Pairs, IReadOnlyList<string> Precisions, string? Peer, IReadOnlyList<string> Parts, bool Json)
{
    /// <summary>Whether a part is wanted.</summary>
    public bool Has(string part) => Parts.Count == 0 || Parts.Contains(part);

    /// <summary>What the peer is told of the model.</summary>
    public IEnumerable<string> Arguments(bool bf16) =>
        new[] { Model.NumLayers, Model.NumHeads, Model.ModelDim, Model.MlpDim, Model.ContextLength, Model.VocabSize, Batch, Context, Native.TorchRuntime.Threads }
            .Select(n => n.ToString(CultureInfo.InvariantCulture)).Append(bf16 ? "bf16" : "fp32");
}
