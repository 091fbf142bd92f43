using System.Text.Json.Nodes;

namespace Dtt.Core.Configuration;

/// <summary>The keys of a mixture's datasets and stages, which stand in lists: how they are read, written and checked.</summary>
internal static class MixtureKeys
{
    /// <summary>Datasets that a run may have.</summary>
    public const int MostDatasets = 256;

    private static readonly ConfigKey[] _dataset =
    [
        new("name", KeyKind.Text, null, "The dataset."),
        new("weight", KeyKind.Number, null, "Its part of the windows.") { Min = 1e-6, Max = 1e6 },
        new("tokens", KeyKind.Integer, null, "Tokens of it.") { Min = 1, Max = 1e15 },
        new("epochs", KeyKind.Number, null, "How often it is seen.") { Min = 0, MinExclusive = true, Max = 1e6 },
    ];

    private static readonly ConfigKey[] _stage =
    [
        new("tokens", KeyKind.Integer, null, "How long it is.") { Min = 1, Max = 1e15 },
        new("datasets", KeyKind.Datasets, null, "What it draws from."),
    ];

    /// <summary>The datasets or stages of a list, or null with errors.</summary>
    public static object? Read(ConfigKey key, YamlNode node, string source, IList<string> errors)
    {
        var known = errors.Count;
        object? read = key.Kind == KeyKind.Stages ? Each(node, _stage, Stage) : Each(node, _dataset, Dataset);
        return errors.Count == known ? read : null;

        List<T> Each<T>(YamlNode list, ConfigKey[] keys, Func<ConfigValues, string, T> make)
        {
            if (list.Items is not { Count: > 0 } items)
            {
                errors.Add($"{source}:{list.Line}: '{key.Name}' must be {Expected(key)}, not {list.Shown}.");
                return [];
            }

            var made = new List<T>();
            foreach (var item in items)
            {
                if (item.Entries is null)
                {
                    errors.Add($"{source}:{item.Line}: '{key.Name}' must be {Expected(key)}; one of its items is {item.Shown}.");
                    continue;
                }

                var reader = new ConfigReader(keys).ReadNode(item, source);
                foreach (var error in reader.Errors) errors.Add(error);
                if (reader.Errors.Count == 0) made.Add(make(reader.Values, $"{source}:{item.Line}"));
            }

            return made;
        }

        DatasetShare Dataset(ConfigValues v, string origin)
        {
            var share = new DatasetShare(v.TextOrNull("name") ?? "", v.DoubleOrNull("weight"), v.LongOrNull("tokens"), v.DoubleOrNull("epochs"));
            var amounts = new[] { share.Weight is not null, share.Tokens is not null, share.Epochs is not null }.Count(set => set);
            if (share.Name.Length == 0 || amounts != 1)
                errors.Add($"{origin}: a dataset of '{key.Name}' has a 'name' and one of 'weight', 'tokens' and 'epochs', such as {{name: tales, weight: 3}}.");
            return share;
        }

        MixtureStage Stage(ConfigValues v, string origin)
        {
            if (v.Shares("datasets") is { } datasets) return new MixtureStage(v.LongOrNull("tokens"), datasets);
            errors.Add($"{origin}: a stage has 'datasets', and 'tokens' where they have weights.");
            return new MixtureStage(null, []);
        }
    }

    /// <summary>What a key's value is to look like.</summary>
    public static string Expected(ConfigKey key) => key.Kind == KeyKind.Stages
        ? "a list of stages, such as [{tokens: 1000000, datasets: [{name: a, weight: 1}]}]"
        : "a list of datasets, such as [{name: a, weight: 3}, {name: b, weight: 1}]";

    /// <summary>Checks what stands in different places of the mixture and beside it.</summary>
    public static void Check(ConfigValues v, IList<string> errors)
    {
        var (datasets, stages) = (v.Shares("datasets"), v.Stages("stages"));
        if (StagesOf(v) is not { } mixture) return;
        var key = KeyOf(v);
        var origin = v.Origin(key);
        if (datasets is not null && stages is not null)
        {
            errors.Add($"{origin}: 'datasets' and 'stages' are both set: a run with stages names the datasets in each of them. Leave one out.");
            return;
        }

        foreach (var stage in mixture)
        {
            if (stage.Datasets.Select(d => d.Name).Distinct().Count() < stage.Datasets.Count)
                errors.Add($"{origin}: '{key}' names a dataset twice in one list: give it all it is to have in one place.");
            if (stage.Datasets.Any(d => d.Weight is not null != stage.IsByWeight))
                errors.Add($"{origin}: '{key}' has weights beside 'tokens' or 'epochs' in one list: a weight is a part of a whole that only weights make up.");
            else if (!stage.IsByWeight && stage.Tokens is not null)
                errors.Add($"{origin}: a stage of '{key}' has 'tokens', and so have its datasets, or epochs: leave the stage's out, which is their sum.");
            else if (stage.IsByWeight && stage.Tokens is null && stages is not null)
                errors.Add($"{origin}: a stage of '{key}' whose datasets have weights needs 'tokens', its length.");
        }

        var hasEnd = stages is not null || !mixture[0].IsByWeight;
        if (hasEnd && v.Int("epochs") != 1)
            errors.Add($"{v.Origin("epochs")}: 'epochs' is {v.Int("epochs")}, but '{key}' says already how long the run is: leave it out.");
        if (Names(v).Count > MostDatasets) errors.Add($"{origin}: '{key}' has {Names(v).Count} datasets; a run has at most {MostDatasets}.");
    }

    /// <summary>The key that names the run's datasets.</summary>
    public static string KeyOf(ConfigValues v) => v.Stages("stages") is not null ? "stages" : v.Shares("datasets") is not null ? "datasets" : "dataset";

    /// <summary>The datasets of the run, in the order of their first mention.</summary>
    public static IReadOnlyList<string> Names(ConfigValues v) =>
        StagesOf(v) is { } stages ? [.. stages.SelectMany(s => s.Datasets).Select(d => d.Name).Distinct()] : [v.Text("dataset")];

    /// <summary>The stages of a mixture: one where none are named; null where there is no mixture.</summary>
    public static IReadOnlyList<MixtureStage>? StagesOf(ConfigValues v) =>
        v.Stages("stages") ?? (v.Shares("datasets") is { } datasets ? [new MixtureStage(null, datasets)] : null);

    /// <summary>As YAML, on one line.</summary>
    public static string Write(IReadOnlyList<DatasetShare> datasets) => $"[{string.Join(", ", datasets.Select(Write))}]";

    /// <summary>As YAML, on one line.</summary>
    public static string Write(IReadOnlyList<MixtureStage> stages) => $"[{string.Join(", ", stages.Select(Write))}]";

    /// <summary>As JSON.</summary>
    public static JsonArray Json(IReadOnlyList<DatasetShare> datasets) => [.. datasets.Select(d => Object(("name", d.Name), Amount(d)))];

    /// <summary>As JSON.</summary>
    public static JsonArray Json(IReadOnlyList<MixtureStage> stages) => [.. stages.Select(s => Object(("tokens", s.Tokens), ("datasets", Json(s.Datasets))))];

    private static string Write(DatasetShare dataset) => Amount(dataset) is var (key, value)
        ? $"{{name: {ValueReader.Write(dataset.Name)}, {key}: {ValueReader.Write(value)}}}" : "";

    private static string Write(MixtureStage stage) =>
        $"{{{(stage.Tokens is { } tokens ? $"tokens: {ValueReader.Write(tokens)}, " : "")}datasets: {Write(stage.Datasets)}}}";

    private static (string Key, object Value) Amount(DatasetShare d) => d switch
    {
        { Weight: { } weight } => ("weight", weight),
        { Tokens: { } tokens } => ("tokens", tokens),
        _ => ("epochs", d.Epochs!.Value),
    };

    private static JsonObject Object(params ReadOnlySpan<(string Key, object? Value)> entries)
    {
        var json = new JsonObject();
        foreach (var (key, value) in entries)
        {
            json[key] = value switch
            {
                null => null,
                long whole => whole,
                double number => number,
                string text => text,
                var node => (JsonNode)node,
            };
        }

        return json;
    }
}
