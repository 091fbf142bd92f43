using System.Text.RegularExpressions;
using Dtt.Core.Errors;

namespace Dtt.Core.Configuration;

/// <summary>Loads a run's configuration: command line over YAML over defaults, everything checked before anything starts.</summary>
public static partial class ConfigLoader
{
    /// <summary>The configuration read when none is named and the file exists.</summary>
    public const string DefaultFile = "configs/config.yaml";

    /// <summary>The path templates read when none are named and the file exists.</summary>
    public const string DefaultTemplates = "configs/path_templates.yaml";

    /// <summary>Loads and checks a configuration.</summary>
    /// <param name="file">A YAML file, or null for <see cref="DefaultFile"/> when it exists and the defaults otherwise.</param>
    /// <param name="overrides">Keys set on the command line: dotted name, value, and the option it came by.</param>
    /// <param name="time">The clock behind <c>{time}</c> in path templates.</param>
    /// <param name="idsOf">The number of ids of a tokenizer's file, where it is wanted.</param>
    /// <exception cref="ConfigurationException">With every error found.</exception>
    public static LoadedConfig Load(string? file, IEnumerable<(string Name, string Value, string Option)> overrides, TimeProvider time,
        Func<string, int>? idsOf = null)
    {
        var reader = new ConfigReader(RunKeys.All);
        var found = ConfigFiles.Find(UserPath.Expand(file ?? DefaultFile));
        if (file is not null || File.Exists(found)) reader.ReadFile(found);
        var typed = new HashSet<string>();
        foreach (var (name, value, option) in overrides)
        {
            reader.SetFromCommandLine(name, value, option);
            typed.Add(name);
        }

        if (reader.Values.TextOrNull("tokenizer") is { } tokenizer) UseTokenizer(reader, tokenizer, idsOf);
        if (reader.Values.TextOrNull("preset") is { } preset) reader.SetUnlessSet(ModelPresets.All[preset], $"preset {preset}");

        var datasets = Datasets(reader, typed);
        var templates = new ConfigReader(TemplateKeys.All);
        var templateFile = ConfigFiles.Find(UserPath.Expand(reader.Values.Text("templates")));
        if (File.Exists(templateFile)) templates.ReadFile(templateFile);
        else if (reader.Values.Text("templates") != DefaultTemplates)
            reader.Errors.Add($"{reader.Values.Origin("templates")}: 'templates' names {templateFile}, but there is no such file.");
        foreach (var error in templates.Errors) reader.Errors.Add(error);

        var values = reader.Values;
        CheckTogether(values, reader.Errors);
        var now = time.GetLocalNow();
        var paths = datasets.Select((d, i) => ArtefactPaths.From(templates.Values, values, d.Name, now, i == 0 ? reader.Errors : [])).ToList();
        reader.ThrowIfWrong();
        var notes = reader.Notes.Concat(templates.Notes).ToList();
        var run = RunConfig.From(values);
        LoadedConfig Of(int i) => new()
        {
            Run = run with { Dataset = datasets[i].Name },
            Values = values,
            Paths = paths[i],
            TextPath = datasets[i].Text,
            Notes = notes,
        };
        return Of(0) with { Others = [.. Enumerable.Range(1, datasets.Count - 1).Select(Of)] };
    }

    /// <summary>
    /// The datasets by name, each with its text where a path named it: the name then takes the path's place. Of <c>dataset</c> and a mixture the one that was
    /// typed counts; <c>dataset</c> then is the first of them.
    /// </summary>
    private static List<(string Name, string? Text)> Datasets(ConfigReader reader, HashSet<string> typed)
    {
        var v = reader.Values;
        var isTyped = typed.Contains("datasets") || typed.Contains("stages");
        if (isTyped || typed.Contains("dataset"))
        {
            foreach (var key in new[] { "datasets", "stages" }.Where(k => !typed.Contains(k))) v.Unset(key);
        }

        var texts = new Dictionary<string, string>();
        string Name(string dataset, string origin)
        {
            var path = UserPath.Expand(dataset);
            if (!TextFiles.IsNamedBy(path)) return dataset;
            var (name, text) = (TextFiles.NameOf(UserPath.Full(path)), UserPath.Full(path));
            if (!texts.TryAdd(name, text) && texts[name] != text)
                reader.Errors.Add($"{origin}: {texts[name]} and {text} would both be the dataset '{name}': rename one.");
            return name;
        }

        var (single, origin) = (v.Text("dataset"), v.Origin("dataset"));
        if (MixtureKeys.KeyOf(v) is "datasets" or "stages")
        {
            var key = MixtureKeys.KeyOf(v);
            List<DatasetShare> Named(IReadOnlyList<DatasetShare> shares) => [.. shares.Select(d => d with { Name = Name(d.Name, v.Origin(key)) })];
            if (v.Shares("datasets") is { } datasets) reader.Replace("datasets", Named(datasets));
            if (v.Stages("stages") is { } stages) reader.Replace("stages", stages.Select(s => s with { Datasets = Named(s.Datasets) }).ToList());
            var names = MixtureKeys.Names(v);
            var isOverruled = isTyped && !typed.Contains("dataset");
            if (v.IsSet("dataset") && !isOverruled && Name(single, origin) != names[0])
            {
                reader.Errors.Add($"{origin}: 'dataset' is '{single}', but '{key}' names the datasets, the first of them '{names[0]}': "
                    + "leave one of the two out.");
            }

            reader.SetFromCommandLine("dataset", names[0], v.Origin(key));
            return [.. names.Select(n => (n, texts.GetValueOrDefault(n)))];
        }

        var only = Name(single, origin);
        if (texts.Count > 0) reader.SetFromCommandLine("dataset", only, $"{origin} {UserPath.Expand(single)}");
        return [(only, texts.GetValueOrDefault(only))];
    }

    /// <summary>A tokenizer that is there decides <c>vocab_size</c>, before a preset does.</summary>
    private static void UseTokenizer(ConfigReader reader, string tokenizer, Func<string, int>? idsOf)
    {
        var (v, origin) = (reader.Values, reader.Values.Origin("tokenizer"));
        if (!TokenizerNames.Public.TryGetValue(tokenizer, out var ids))
        {
            var file = tokenizer.Length == 0 ? "" : UserPath.Full(tokenizer);
            if (!File.Exists(file) && !File.Exists(Path.Combine(file, "tokenizer.json")))
            {
                reader.Errors.Add($"{origin}: 'tokenizer' is '{tokenizer}', but must be one of {string.Join(", ", TokenizerNames.Public.Keys)}, or the path of "
                    + $"a tokenizer's folder, a tokenizer.json or a .tiktoken file; there is none at {file}."
                    + Spelling.Hint(tokenizer, TokenizerNames.Public.Keys));
                return;
            }

            reader.SetFromCommandLine("tokenizer", file, origin);
            if (idsOf is null) return;
            ids = idsOf(file);
        }

        if (v.IsSet("vocab_size") && v.Int("vocab_size") != ids)
        {
            reader.Errors.Add($"{v.Origin("vocab_size")}: 'vocab_size' is {v.Int("vocab_size")}, but the tokenizer {tokenizer} has {ids} ids: "
                + "leave 'vocab_size' out, or 'tokenizer' to train one.");
        }

        reader.SetUnlessSet(new Dictionary<string, string> { ["vocab_size"] = $"{ids}" }, $"tokenizer {tokenizer}");
    }

    /// <summary>Checks what one key cannot tell alone: names that become folders, the model's shape, bounds that depend on each other.</summary>
    /// <param name="v">The values.</param>
    /// <param name="errors">Gets a line for each error.</param>
    public static void CheckTogether(ConfigValues v, IList<string> errors)
    {
        var folders = MixtureKeys.Names(v).Select(d => (Key: MixtureKeys.KeyOf(v), Name: d));
        foreach (var (key, name) in folders.Prepend((Key: "name", Name: v.Text("name"))).Where(f => !SafeName().IsMatch(f.Name)))
            errors.Add($"{v.Origin(key)}: '{key}' is '{name}', but {WhyNot(name, isText: key != "name" && name.Contains('/'))}.");

        MixtureKeys.Check(v, errors);

        var special = v.Texts("special_tokens");
        foreach (var key in new[] { "pre_tokenizer", "special_tokens" }.Where(k => v.TextOrNull("tokenizer") is not null && v.IsSet(k)))
            errors.Add($"{v.Origin(key)}: '{key}' is for a tokenizer that is trained, but 'tokenizer' names one that is there: leave one of the two out.");
        if (special.Count != special.Distinct().Count() || special.Any(t => t.Length == 0 || t.Contains('\n') || t == "<|endoftext|>"))
            errors.Add($"{v.Origin("special_tokens")}: 'special_tokens' must be different texts of a line, none empty nor <|endoftext|>, which is one anyway.");
        if (v.Int("vocab_size") < 257 + special.Count)
        {
            errors.Add($"{v.Origin("vocab_size")}: 'vocab_size' is {v.Int("vocab_size")}, but must be at least {257 + special.Count}: 256 bytes, "
                + $"<|endoftext|> and the {special.Count} 'special_tokens'.");
        }

        ModelChecks.Check(v, errors);
        SpikeConfig.Check(v, errors);
        if (v.LongOrNull("min_ranks") is { } fewest && fewest > v.Int("ranks_per_node"))
            errors.Add($"{v.Origin("min_ranks")}: 'min_ranks' {fewest} is above 'ranks_per_node' {v.Int("ranks_per_node")}.");
        if ((long)v.Int("batch_size") * v.Int("n_ctx") > int.MaxValue)
            errors.Add($"{v.Origin("batch_size")}: 'batch_size' {v.Int("batch_size")} × 'n_ctx' {v.Int("n_ctx")} tokens are more than a micro-batch may have.");
        if (v.IntOrWord("nodes") is { } nodes && v.Int("min_nodes") > nodes)
            errors.Add($"{v.Origin("min_nodes")}: 'min_nodes' {v.Int("min_nodes")} is above 'nodes' {nodes}.");
        var windows = (double)v.Int("batch_size") * v.Int("grad_accumulation_steps") * v.Int("ranks_per_node") * (v.IntOrWord("nodes") ?? 1);
        if (windows > int.MaxValue)
        {
            errors.Add($"{v.Origin("grad_accumulation_steps")}: 'batch_size' × 'grad_accumulation_steps' × 'ranks_per_node' × 'nodes' is {windows:N0}, but a "
                + $"step has at most {int.MaxValue:N0} windows.");
        }

        if (v.LongOrNull("eval_every") is null && v.LongOrNull("log_per_val") is { } logs && logs * v.Int("eff_batch_per_log") > int.MaxValue)
        {
            errors.Add($"{v.Origin("log_per_val")}: 'log_per_val' × 'eff_batch_per_log' is {logs * v.Int("eff_batch_per_log"):N0} steps, "
                + $"more than {int.MaxValue:N0}.");
        }

        if (v.Int("overlap") >= v.Int("n_ctx"))
            errors.Add($"{v.Origin("overlap")}: 'overlap' {v.Int("overlap")} must be below 'n_ctx' {v.Int("n_ctx")}.");
        if (v.Int("overlap") > 0 && v.TextOrNull("pack") == "bos")
            errors.Add($"{v.Origin("pack")}: 'pack: bos' lays windows where documents begin, so 'overlap' {v.Int("overlap")} has no meaning; leave one out.");
        if (v.Numbers("optimizer.params.betas") is not { Count: 2 } betas || betas.Any(b => b is < 0 or >= 1))
            errors.Add($"{v.Origin("optimizer.params.betas")}: 'optimizer.params.betas' must be two numbers from 0 to below 1, such as [0.9, 0.95].");
        if (v.Text("lr_schedule.name") == "exponential" && v.DoubleOrNull("min_lr") == 0 && v.DoubleOrNull("lr_schedule.params.gamma") is null)
            errors.Add($"{v.Origin("min_lr")}: an exponential rate never reaches 0; set 'min_lr' above 0, or 'lr_schedule.params.gamma'.");
        if (v.DoubleOrNull("min_lr") is { } min && min > v.Double("lr_schedule.params.lr_max"))
            errors.Add($"{v.Origin("min_lr")}: 'min_lr' {min} is above 'lr_schedule.params.lr_max' {v.Double("lr_schedule.params.lr_max")}.");
    }

    /// <summary>What is wrong with a name; one with a slash is the path of text, which is not there.</summary>
    private static string WhyNot(string name, bool isText)
    {
        if (!isText) return "it names a folder: use letters, digits, '.', '_' and '-', starting with a letter or digit";
        var path = UserPath.Full(name);
        return File.Exists(path) ? $"{path} is no file of text: name one that ends in {TextFormat.Endings}, or a folder of them"
            : $"there is no file or folder {path}: correct the path, or give the name of a dataset, which has no '/'";
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex SafeName();
}
