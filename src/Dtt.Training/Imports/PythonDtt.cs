using System.Globalization;
using System.Text.RegularExpressions;
using Dtt.Core.Errors;
using Dtt.Data.Pickle;

namespace Dtt.Training.Imports;

/// <summary>The Python DTT's <c>model.pt</c>, a state_dict, and the <c>config.yaml</c> beside it, which alone tells the heads.</summary>
internal static partial class PythonDtt
{
    private const string Tokens = "embed.token_embedding.weight", Positions = "embed.positional_embedding.weight", Up = "feedforward.layer_1.weight";
    private const long MostConfigBytes = 1 << 20;

    private static readonly (string Theirs, string Ours)[] _names =
    [
        (Tokens, "transformer.wte.weight"), (Positions, "transformer.wpe.weight"), ("unembed.", "lm_head."),
        ("layernorm_1.", "ln_1."), ("layernorm_2.", "ln_2."),
        ("attention.qkv.", "attn.c_attn."), ("attention.out.", "attn.c_proj."), ("feedforward.layer_1.", "mlp.c_fc."), ("feedforward.layer_2.", "mlp.c_proj."),
    ];

    /// <summary>Whether a file's content is of this kind.</summary>
    public static bool IsOne(object? content) => content is PickleDictionary d && d.ByText.Keys.Any(n => StateDictionary.Bare(n) == Tokens);

    /// <summary>What it describes.</summary>
    /// <exception cref="BadDataException">Something is missing, or of another kind.</exception>
    public static ForeignModel Read(string path, TorchFile file)
    {
        var weights = StateDictionary.Tensors(file, path, (PickleDictionary)file.Content!, Rename);
        long Size(string name, int dimension) => weights.TryGetValue(Rename(name)!, out var tensor) && tensor.Shape.Count == 2 ? tensor.Shape[dimension]
            : throw new BadDataException($"{path} has no matrix '{name}': it is no model of the Python DTT's.");
        var blocks = weights.Keys.Select(n => Block().Match(n)).Where(m => m.Success).Select(m => m.Groups[1].Value).Distinct().Count();
        var (config, heads, mask) = Config(path);
        string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
        return new ForeignModel
        {
            File = path,
            Keys =
            [
                ("architecture", "dtt", path),
                ("vocab_size", Number(Size(Tokens, 0)), path),
                ("d_model", Number(Size(Tokens, 1)), path),
                ("n_ctx", Number(Size(Positions, 0)), path),
                ("n_blocks", Number(blocks), path),
                ("d_mlp", Number(Size("blocks.0." + Up, 0)), path),
                ("n_heads", heads, $"{config}, 'n_heads'"),
                ("mask_type", mask, $"{config}, 'mask_type'"),
            ],
            Weights = weights,
        };
    }

    private static string? Rename(string theirs)
    {
        if (theirs.EndsWith(".attention.mask", StringComparison.Ordinal)) return null;
        var ours = theirs.StartsWith("blocks.", StringComparison.Ordinal) ? "transformer.h." + theirs["blocks.".Length..] : theirs;
        foreach (var (from, to) in _names) ours = ours.Replace(from, to, StringComparison.Ordinal);
        return ours;
    }

    /// <summary>The lines of the configuration that count; it has Python objects in it, so that no YAML library is asked.</summary>
    private static (string File, string Heads, string Mask) Config(string path)
    {
        var file = Path.Combine(Path.GetDirectoryName(path)!, "config.yaml");
        if (!File.Exists(file))
        {
            throw new BadDataException($"there is no {file}: the Python DTT writes it beside its model.pt, and it alone tells how many heads the model has "
                + "('n_heads: 12' is enough).");
        }

        if (new FileInfo(file).Length > MostConfigBytes) throw new BadDataException($"{file} has more than {MostConfigBytes:N0} bytes: it is something else.");
        var (heads, mask) = ((string?)null, "causal");
        foreach (var match in File.ReadLines(file).Select(l => Line().Match(l)).Where(m => m.Success))
        {
            if (match.Groups[1].Value == "n_heads") heads = match.Groups[2].Value;
            else mask = match.Groups[2].Value == "causal" ? "causal" : "none";
        }

        return (file, heads ?? throw new BadDataException($"{file} has no 'n_heads', which tells how many heads the model has."), mask);
    }

    [GeneratedRegex(@"^(n_heads|mask_type):\s*['""]?([A-Za-z0-9_]+)['""]?\s*$")]
    private static partial Regex Line();

    [GeneratedRegex(@"^transformer\.h\.(\d+)\.")]
    private static partial Regex Block();
}
