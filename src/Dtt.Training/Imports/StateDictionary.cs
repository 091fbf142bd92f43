using Dtt.Core.Errors;
using Dtt.Data.Pickle;

namespace Dtt.Training.Imports;

/// <summary>The weights of a <c>state_dict</c>, whose names may begin with what torch.compile and DistributedDataParallel put before them.</summary>
internal static class StateDictionary
{
    private static readonly string[] _wrappers = ["_orig_mod.", "module."];

    /// <summary>Its tensors by DTT's names.</summary>
    /// <param name="file">The file.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="weights">The dictionary.</param>
    /// <param name="rename">DTT's name of theirs; null: no weight but a buffer, which is left out.</param>
    /// <exception cref="BadDataException">It holds something else, or a tensor that is not all there.</exception>
    public static Dictionary<string, ForeignTensor> Tensors(TorchFile file, string path, PickleDictionary weights, Func<string, string?> rename)
    {
        var tensors = new Dictionary<string, ForeignTensor>(StringComparer.Ordinal);
        foreach (var (key, value) in weights.Items)
        {
            if (key is not string name) throw new BadDataException($"{path}: a weight's name is {PickleReader.KindOf(key)}, and text was expected.");
            if (rename(Bare(name)) is not { } ours) continue;
            var tensor = file.AsTensor(name, value)
                ?? throw new BadDataException($"{path}: '{name}' is {PickleReader.KindOf(value)}, and a tensor was expected.");
            if (!tensors.TryAdd(ours, tensor)) throw new BadDataException($"{path}: '{name}' is there twice, also as '{tensors[ours].Name}'.");
        }

        return tensors;
    }

    /// <summary>A name without what wraps it.</summary>
    public static string Bare(string name)
    {
        while (Array.Find(_wrappers, w => name.StartsWith(w, StringComparison.Ordinal)) is { } wrapper) name = name[wrapper.Length..];
        return name;
    }
}
