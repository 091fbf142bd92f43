using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.HuggingFace;

/// <summary>
/// DTT's weights under Hugging Face's names, as views of the flat master: GPT-2's Conv1D layers hold their weights as (in, out); Llama's query, key and value, and its gate and up, are
/// matrices of their own. Tied weights are there once, the vocabulary is unpadded, and rotary pairs are halves apart on both sides.
/// </summary>
internal static class HuggingFaceNames
{
    private static readonly string[] _conv1d = ["attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight"];

    /// <summary>Every tensor of Hugging Face's checkpoint, and where its values are.</summary>
    /// <exception cref="UserErrorException">No class of theirs has this shape.</exception>
    public static IReadOnlyList<(string Name, Tensor View)> Views(ModelConfig model, FlatParameters parameters)
    {
        if (model.Architecture == "dtt")
        {
            throw new UserErrorException("a model of 'architecture: dtt' has no final norm, no query/key/value bias and a bias on its tied head: no class of Hugging Face's is like that. Train with 'architecture: gpt2' or 'llama' to export.",
                ExitCodes.BadConfiguration);
        }

        return [.. parameters.Table.SelectMany(weight => Of(weight, parameters.ViewOf(weight.Name, parameters.Master)))];
    }

    private static IEnumerable<(string Name, Tensor View)> Of(ParameterSpec weight, Tensor view)
    {
        if (_conv1d.Any(c => weight.Name.EndsWith(c, StringComparison.Ordinal))) return [(weight.Name, view.t())];
        string[] parts = weight.Name.Contains("qkv_proj", StringComparison.Ordinal) ? ["q_proj", "k_proj", "v_proj"] : weight.Name.Contains("gate_up_proj", StringComparison.Ordinal) ? ["gate_proj", "up_proj"] : [];
        if (parts.Length == 0) return [(weight.Name, view)];
        var starts = weight.Parts.Select((_, i) => weight.Parts.Take(i).Sum()).ToArray();
        return parts.Select((part, i) => (weight.Name.Replace("qkv_proj", part, StringComparison.Ordinal).Replace("gate_up_proj", part, StringComparison.Ordinal), view.narrow(0, starts[i], weight.Parts[i])));
    }
}
