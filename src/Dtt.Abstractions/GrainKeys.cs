namespace Dtt.Abstractions;

/// <summary>
/// The grains of folders. A key is the folder's path; one with braces, which Orleans' storage takes for a format, is escaped as a whole.
/// </summary>
public static class GrainKeys
{
    private const string Escaped = "escaped:"; // no absolute path begins so

    /// <summary>The run in a folder.</summary>
    public static IRunGrain Run(this IGrainFactory grains, string folder) => grains.GetGrain<IRunGrain>(Of(folder));

    /// <summary>The dataset whose job works in a folder.</summary>
    public static IDatasetGrain Dataset(this IGrainFactory grains, string folder) => grains.GetGrain<IDatasetGrain>(Of(folder));

    /// <summary>One piece of the dataset whose job works in a folder.</summary>
    public static IShardGrain Shard(this IGrainFactory grains, string folder, int piece) => grains.GetGrain<IShardGrain>(Of($"{folder}#{piece}"));

    /// <summary>The experiment: a folder of runs and the name that they share.</summary>
    public static IExperimentGrain Experiment(this IGrainFactory grains, string folder) => grains.GetGrain<IExperimentGrain>(Of(folder));

    /// <summary>The folder of a grain.</summary>
    public static string Folder(this IGrainWithStringKey grain) => grain.GetPrimaryKeyString() is var key && key.StartsWith(Escaped, StringComparison.Ordinal)
        ? Uri.UnescapeDataString(key[Escaped.Length..]) : key;

    private static string Of(string folder) => folder.AsSpan().ContainsAny('{', '}') ? Escaped + Uri.EscapeDataString(folder) : folder;
}
