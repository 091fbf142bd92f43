using Dtt.Core.Configuration;

namespace Dtt.Cli.Output;

/// <summary>What two resolved configurations differ in.</summary>
public static class ConfigDifference
{
    /// <summary><c>key: theirs → mine</c>, a line each, in the order of the key table.</summary>
    public static IReadOnlyList<string> Lines(string baseYaml, string yaml)
    {
        var (theirs, mine) = (Values(baseYaml), Values(yaml));
        return [.. RunKeys.All.Where(k => k.LostMeaning is null).Select(k => (k.Name, Theirs: Text(theirs, k.Name), Mine: Text(mine, k.Name)))
            .Where(d => d.Theirs != d.Mine).Select(d => $"{d.Name}: {d.Theirs} → {d.Mine}")];
    }

    private static ConfigValues Values(string yaml) => new ConfigReader(RunKeys.All).ReadText(yaml, "config.yaml").Values;

    private static string Text(ConfigValues values, string key) => values.Json(key)?.ToJsonString() ?? "unset";
}
