using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.HuggingFace;

/// <summary>
/// DTT's weights under Hugging Face's names, as views of the flat master: Conv1D layers hold their weights as (in, out), and matrices that stand under each
/// other here are several there. Tied weights are there once, the vocabulary is unpadded, and rotary pairs are halves apart on both sides.
/// </summary>
internal static class HuggingFaceNames
{
    /// <summary>Every tensor of Hugging Face's checkpoint: its name and its shape.</summary>
    /// <param name="model">The model, of an architecture that has a class of theirs.</param>
    public static IEnumerable<(string Name, IReadOnlyList<long> Shape)> Shapes(ModelConfig model)
    {
        foreach (var weight in ParameterTable.Of(model))
        {
            for (var i = 0; i < weight.PartNames.Count; i++) yield return (weight.PartNames[i], [weight.Parts[i], weight.Shape[1]]);
            if (weight.PartNames.Count > 0) continue;
            yield return (weight.Name, IsTransposed(model, weight) ? [weight.Shape[1], weight.Shape[0]] : weight.Shape);
        }
    }

    /// <summary>Every tensor of Hugging Face's checkpoint, and where its values are.</summary>
    /// <exception cref="UserErrorException">No class of theirs has this shape.</exception>
    public static IReadOnlyList<(string Name, Tensor View)> Views(ModelConfig model, FlatParameters parameters)
    {
        if (model.Spec.HuggingFace is null)
        {
            throw new UserErrorException($"Hugging Face has no class for 'architecture: {model.Architecture}' ({model.Spec.Meaning}). "
                + $"To export, train with another: {Architectures.Named(a => a.HuggingFace is not null)}.", ExitCodes.BadConfiguration);
        }

        return [.. parameters.Table.SelectMany(weight => Of(weight, parameters.ViewOf(weight.Name, parameters.Master), IsTransposed(model, weight)))];
    }

    private static bool IsTransposed(ModelConfig model, ParameterSpec weight) =>
        model.Spec.HuggingFace!.IsTransposed && weight.Role == ParameterRole.Hidden;

    private static IEnumerable<(string Name, Tensor View)> Of(ParameterSpec weight, Tensor view, bool isTransposed)
    {
        if (weight.PartNames.Count == 0) return [(weight.Name, isTransposed ? view.t() : view)];
        return weight.PartNames.Select((name, i) => (name, view.narrow(0, weight.Parts.Take(i).Sum(), weight.Parts[i])));
    }
}
