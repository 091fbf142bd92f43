using Dtt.Core.Errors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Dtt.Data.Hub;

/// <summary>The configurations that a repository's card (the YAML at the head of its <c>README.md</c>) divides its files into.</summary>
/// <param name="Name">The configuration.</param>
/// <param name="IsDefault">Whether it is used when none is named.</param>
/// <param name="Patterns">The patterns of each split's files.</param>
/// <param name="Folder">Where it has no patterns: the folder whose files their names divide, with a slash at its end.</param>
internal sealed record HubCard(string Name, bool IsDefault, IReadOnlyList<(string Split, string Pattern)> Patterns, string Folder)
{
    private const string Fence = "---";

    /// <summary>Reads a card; none when it has no configurations with files.</summary>
    /// <param name="readme">The text of <c>README.md</c>.</param>
    /// <param name="source">What it is, for errors.</param>
    /// <exception cref="BadDataException">The head is not YAML.</exception>
    public static IReadOnlyList<HubCard> Read(string readme, string source)
    {
        var lines = readme.TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n');
        if (lines[0].TrimEnd() != Fence || Array.FindIndex(lines, 1, l => l.TrimEnd() == Fence) is not (> 0 and var end)) return [];
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(string.Join('\n', lines[1..end])));
        }
        catch (YamlException e)
        {
            throw new BadDataException($"{source}:{e.Start.Line + 1}: the card of the dataset is not YAML: {e.Message}", e);
        }

        if (yaml.Documents is not [{ RootNode: YamlMappingNode root }, ..] || Of(root, "configs") is not YamlSequenceNode configs) return [];
        return [.. configs.OfType<YamlMappingNode>().Select(Config).Where(c => c.Patterns.Count > 0 || c.Folder.Length > 0)];
    }

    private static HubCard Config(YamlMappingNode config)
    {
        var folder = Text(Of(config, "data_dir")) is { Length: > 0 } dir ? dir.Trim('/') + "/" : "";
        var files = Of(config, "data_files") switch
        {
            YamlSequenceNode list => list.SelectMany(e =>
                e is YamlMappingNode entry ? Paths(Text(Of(entry, "split")) ?? "train", Of(entry, "path")) : Paths("train", e)),
            YamlMappingNode map => map.SelectMany(e => Paths(Text(e.Key)!, e.Value)),
            { } one => Paths("train", one),
            null => [],
        };
        var name = Text(Of(config, "config_name")) ?? "default";
        return new HubCard(name, Text(Of(config, "default")) is "true", [.. files.Select(f => (f.Item1, folder + f.Item2))], folder);
    }

    private static IEnumerable<(string Split, string Pattern)> Paths(string split, YamlNode? paths) => paths switch
    {
        YamlSequenceNode list => list.Select(p => (split, Text(p) ?? "")),
        { } one => [(split, Text(one) ?? "")],
        null => [],
    };

    private static YamlNode? Of(YamlMappingNode map, string key) =>
        map.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;

    private static string? Text(YamlNode? node) => (node as YamlScalarNode)?.Value;
}
