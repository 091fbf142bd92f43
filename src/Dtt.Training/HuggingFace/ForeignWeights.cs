using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.HuggingFace;

/// <summary>The weights in a Hugging Face folder. Names and shapes are checked before any memory is taken for them, values as they are read.</summary>
internal static class ForeignWeights
{
    /// <summary>Reads them all, fp32, on the CPU; the caller disposes them.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="described">The model by its <c>config.json</c>.</param>
    /// <param name="kept">The same with as many ids as its tokenizer has: further rows of its vocabulary are left out.</param>
    /// <exception cref="BadDataException">A weight is missing, of another shape, not finite, or none of this model.</exception>
    public static FlatParameters Load(string folder, ModelConfig described, ModelConfig kept)
    {
        var files = SafetensorsSet.Open(folder);
        var names = Names(folder, described, files);
        var parameters = new FlatParameters(ParameterTable.Of(kept), CPU, bf16: false, forTraining: false);
        try
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            foreach (var (full, view) in HuggingFaceNames.Views(kept, parameters))
            {
                using var one = NewDisposeScope();
                view.copy_(Rows(files, names[full], view));
            }

            RequireTiedHead(folder, kept, files, parameters);
            return parameters;
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    /// <summary>What each weight of the model is called in the files, which have all of them in the right shapes and no others.</summary>
    private static Dictionary<string, string> Names(string folder, ModelConfig model, SafetensorsSet files)
    {
        var theirs = model.Spec.HuggingFace!;
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (full, shape) in HuggingFaceNames.Shapes(model))
        {
            var bare = full.StartsWith(theirs.OptionalPrefix, StringComparison.Ordinal) ? full[theirs.OptionalPrefix.Length..] : full;
            var name = names[full] = files.Names.Contains(full) ? full : bare;
            if (!files.Names.Contains(name)) throw new BadDataException($"{folder}: its files hold no '{full}', which this model has.");
            if (files.ShapeOf(name).SequenceEqual(shape)) continue;
            throw new BadDataException($"{folder}: '{name}' is ({string.Join(", ", files.ShapeOf(name))}), "
                + $"and by its config.json it should be ({string.Join(", ", shape)}).");
        }

        var known = names.Values.Append(Head(model)).ToHashSet(StringComparer.Ordinal);
        if (files.Names.FirstOrDefault(n => !known.Contains(n) && !theirs.Derived.Any(d => n.EndsWith(d, StringComparison.Ordinal))) is { } extra)
            throw new BadDataException($"{folder}: '{extra}' is in its files, and DTT's {model.Architecture} has no such weight.");
        return names;
    }

    /// <summary>A finite tensor of the files, or as many of its first rows as a view has.</summary>
    private static Tensor Rows(SafetensorsSet files, string name, Tensor view)
    {
        using var scope = NewDisposeScope();
        var tensor = files.Read(name);
        FiniteWeights.Require(files.PathOf(name), name, tensor);
        return tensor.narrow(0, 0, view.shape[0]).MoveToOuterDisposeScope();
    }

    /// <summary>A head that is written beside a tied embedding must be the embedding.</summary>
    private static void RequireTiedHead(string folder, ModelConfig model, SafetensorsSet files, FlatParameters parameters)
    {
        if (!model.TieEmbeddings || !files.Names.Contains(Head(model))) return;
        var embedding = parameters.ViewOf(parameters.Table.Tokens.Name, parameters.Master);
        if (files.ShapeOf(Head(model)) is [var rows, var width] && rows >= embedding.shape[0] && width == embedding.shape[1]
            && Number.Of(Rows(files, Head(model), embedding).ne(embedding).any().to(ScalarType.Float32)) == 0) return;
        throw new BadDataException($"{folder}: its {Head(model)} is not its embedding, and DTT's {model.Architecture} has one matrix for both: "
            + "this model cannot be imported.");
    }

    /// <summary>Old checkpoints carry it also where it is the embedding.</summary>
    private static string Head(ModelConfig model) => model.Spec.Names.Head + ".weight";
}
