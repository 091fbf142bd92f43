using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Core.Ranks;

namespace Dtt.Training.Benchmarks;

/// <summary>What to measure.</summary>
/// <param name="Spec">As it was asked for.</param>
/// <param name="Model">The model that its preset means.</param>
internal sealed record BenchPlan(BenchSpec Spec, ModelConfig Model)
{
    /// <summary>The plan of a request.</summary>
    public static BenchPlan Of(BenchSpec spec) =>
        new(spec, ModelConfig.From(new ConfigReader(RunKeys.All).SetUnlessSet(ModelPresets.All[spec.Preset], spec.Preset).Values));

    /// <summary>Whether a part is wanted.</summary>
    public bool Has(string part) => Spec.Only.Count == 0 || Spec.Only.Contains(part);

    /// <summary>What the peer is told of the model.</summary>
    public IEnumerable<string> Arguments(bool bf16) =>
        new[]
        {
            Model.NumLayers, Model.NumHeads, Model.ModelDim, Model.MlpDim, Model.ContextLength, Model.VocabSize,
            Spec.Batch, Spec.Context, Native.TorchRuntime.Threads,
        }.Select(n => n.ToString(CultureInfo.InvariantCulture)).Append(bf16 ? "bf16" : "fp32");
}
