using System.Collections;
using Dtt.Core.Configuration;

namespace Dtt.Core.Models;

/// <summary>A model's weights, by what they are for and, as a list, in checkpoint order; tied ones once.</summary>
public sealed class ParameterTable : IReadOnlyList<ParameterSpec>
{
    private readonly ModelConfig _model;
    private readonly ArchitectureSpec _spec;
    private readonly List<ParameterSpec> _all;

    private ParameterTable(ModelConfig model)
    {
        (_model, _spec) = (model, model.Spec);
        var (names, init) = (_spec.Names, _spec.Init);
        Tokens = new(names.Tokens + ".weight", [model.VocabSize, model.ModelDim], init.Tokens, ParameterRole.Vocabulary);
        Positions = _spec.Positions != PositionKind.Learned ? null
            : new(names.Positions + ".weight", [model.ContextLength, model.ModelDim], init.Positions, ParameterRole.Position);
        Blocks = [.. Enumerable.Range(0, model.NumLayers).Select(i => Block($"{names.Block}.{i}."))];
        FinalNorm = _spec.HasFinalNorm ? Norm(names.FinalNorm, model.ModelDim, _spec.Norm) : null;
        Head = new(
            model.TieEmbeddings ? Tokens : Tokens with { Name = names.Head + ".weight" },
            _spec.Biases.HasFlag(Biases.Head) ? new(names.Head + ".bias", [model.VocabSize], init.Bias(model.ModelDim), ParameterRole.Vocabulary) : null);
        ParameterSpec?[] ends = [FinalNorm?.Weight, FinalNorm?.Bias, model.TieEmbeddings ? null : Head.Weight, Head.Bias];
        _all = [.. new[] { Tokens, Positions }.Concat(Blocks.SelectMany(b => b.Weights)).Concat(ends).OfType<ParameterSpec>()];
    }

    /// <summary>The token embedding, (V, C).</summary>
    public ParameterSpec Tokens { get; }

    /// <summary>The position embedding, (T, C), or null.</summary>
    public ParameterSpec? Positions { get; }

    /// <summary>The blocks' weights.</summary>
    public IReadOnlyList<BlockSpec> Blocks { get; }

    /// <summary>The norm before the head, or null.</summary>
    public LayerSpec? FinalNorm { get; }

    /// <summary>The head, (V, C), which may be the token embedding, and its bias.</summary>
    public LayerSpec Head { get; }

    /// <inheritdoc/>
    public int Count => _all.Count;

    /// <inheritdoc/>
    public ParameterSpec this[int index] => _all[index];

    /// <summary>The weights of a model.</summary>
    public static ParameterTable Of(ModelConfig model) => new(model);

    /// <inheritdoc/>
    public IEnumerator<ParameterSpec> GetEnumerator() => _all.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private BlockSpec Block(string at)
    {
        var (names, init) = (_spec.Names, _spec.Init);
        long c = _model.ModelDim, mlp = _model.MlpDim, q = _model.NumHeads * _model.HeadDim, kv = _model.NumKvHeads * _model.HeadDim;
        LayerSpec? HeadNorm(string name) => _spec.NormsHeads ? Norm(at + name, _model.HeadDim, NormKind.Rms) : null;
        return new(
            Norm(at + names.Norm1, c, _spec.Norm),
            Linear(at + names.Qkv, c, init.In(c), Biases.Qkv, [q, kv, kv], names.QkvParts.Select(p => at + p)),
            HeadNorm(names.HeadNorms.Query), HeadNorm(names.HeadNorms.Key),
            Linear(at + names.Out, q, init.Out(_model.NumLayers, q), Biases.Linear, [c], []),
            Norm(at + names.Norm2, c, _spec.Norm),
            Linear(at + names.Up, c, init.In(c), Biases.Linear, _spec.IsGated ? [mlp, mlp] : [mlp], names.UpParts.Select(p => at + p)),
            Linear(at + names.Down, mlp, init.Down(_model.NumLayers, mlp), Biases.Linear, [c], []));
    }

    private static LayerSpec Norm(string name, long width, NormKind kind) =>
        new(Vector(name + ".weight", width, ParameterInit.One), kind == NormKind.Layer ? Vector(name + ".bias", width, ParameterInit.Zero) : null);

    /// <summary>A matrix (parts, width) in a block.</summary>
    private LayerSpec Linear(string name, long width, ParameterInit init, Biases bias, long[] parts, IEnumerable<string> partNames) => new(
        new(name + ".weight", [parts.Sum(), width], init, ParameterRole.Hidden) { Parts = parts, PartNames = [.. partNames.Select(p => p + ".weight")] },
        _spec.Biases.HasFlag(bias) ? Vector(name + ".bias", parts.Sum(), _spec.Init.Bias(width)) : null);

    private static ParameterSpec Vector(string name, long length, ParameterInit init) => new(name, [length], init, ParameterRole.Vector);
}
