using System.Globalization;
using Dtt.Core.Errors;
using Dtt.Data.Pickle;

namespace Dtt.Training.Imports;

/// <summary>nanoGPT's <c>ckpt.pt</c>: <c>model_args</c>, <c>model</c> (the weights), <c>iter_num</c>, and what training needs.</summary>
internal static class NanoGpt
{
    private static readonly (string Theirs, string Ours)[] _keys =
        [("n_layer", "n_blocks"), ("n_head", "n_heads"), ("n_embd", "d_model"), ("block_size", "n_ctx"), ("vocab_size", "vocab_size")];

    /// <summary>Whether a file's content is of this kind.</summary>
    public static bool IsOne(object? content) => content is PickleDictionary d && d["model_args"] is PickleDictionary;

    /// <summary>What it describes.</summary>
    /// <exception cref="BadDataException">Something is missing, or of another kind.</exception>
    public static ForeignModel Read(string path, TorchFile file)
    {
        var content = (PickleDictionary)file.Content!;
        var arguments = (PickleDictionary)content["model_args"]!;
        var keys = new List<(string, string, string)> { ("architecture", "nanogpt", $"{path}, 'model_args'") };
        foreach (var (theirs, ours) in _keys)
        {
            if (arguments[theirs] is not long value)
            {
                throw new BadDataException($"{path}: 'model_args' has no number '{theirs}' (it is {PickleReader.KindOf(arguments[theirs])}): "
                    + "it is no checkpoint of nanoGPT's.");
            }

            keys.Add((ours, value.ToString(CultureInfo.InvariantCulture), $"{path}, '{theirs}'"));
        }

        if (arguments["vocab_size"] is < 257L)
        {
            throw new BadDataException($"{path}: its vocabulary has {arguments["vocab_size"]} ids: it is a model of characters, as nanoGPT's shakespeare_char "
                + "makes, and DTT's tokenizers have a token for each of the 256 bytes and one for the end of a document. It cannot be imported.");
        }

        if (content["model"] is not PickleDictionary weights)
            throw new BadDataException($"{path}: 'model' is {PickleReader.KindOf(content["model"])}, and the weights were expected there.");
        return new ForeignModel
        {
            File = path,
            Keys = keys,
            Weights = StateDictionary.Tensors(file, path, weights, name => name.EndsWith(".attn.bias", StringComparison.Ordinal) ? null : name),
            HasNoBiases = arguments["bias"] is false,
            Step = content["iter_num"] is long and >= 0 and var step ? step : 0,
            IsOfGpt2sTokens = arguments["vocab_size"] is >= 50257L and <= 50304L,
        };
    }
}
