using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Datasets;
using Dtt.Data.Hub;

namespace Dtt.Cli.Commands;

/// <summary>
/// <c>dtt download hf:OWNER/NAME</c>: a dataset of the Hub that has no file yet. It gets one, by which every later command knows it.
/// </summary>
internal sealed partial class HubSource
{
    private const string Prefix = "hf:";

    private readonly Argument<string?> _source = new("source")
    {
        Description = "A dataset of the Hugging Face Hub; its settings are written to configs/project_datasets/NAME.yaml (-d names it otherwise).",
        HelpName = "hf:OWNER/NAME",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _name = new("--name") { Description = "hf: the dataset's configuration.", HelpName = "NAME" };
    private readonly Option<string?> _split = new("--split") { Description = "hf: its part; default: train.", HelpName = "SPLIT" };
    private readonly Option<string?> _revision = new("--revision") { Description = "hf: a branch, tag or commit; default: main.", HelpName = "REVISION" };
    private readonly Option<string?> _maxBytes = new("--max-bytes") { Description = "hf: most bytes to download.", HelpName = "BYTES" };
    private readonly Option<string?> _maxDocuments = new("--max-documents") { Description = "hf: most documents to use.", HelpName = "N" };

    /// <summary>Adds the argument and its options to a command.</summary>
    public HubSource(Command command)
    {
        command.Add(_source);
        foreach (var option in new Option[] { _name, _split, _revision, _maxBytes, _maxDocuments }) command.Add(option);
    }

    /// <summary>The name of the dataset that the command line names by its place on the Hub; null when it names none so.</summary>
    /// <exception cref="ConfigurationException">What it names is no dataset of the Hub, or it has the Hub's options without one.</exception>
    public string? NameOf(ParseResult result)
    {
        if (result.GetValue(_source) is not { } source)
        {
            var stray = Settings(result, "").FirstOrDefault(s => s.Key != "hf_path");
            return stray.Key is null ? null : throw new ConfigurationException(
                $"{stray.Option}: goes with hf:OWNER/NAME; for a dataset that has a file, set '{stray.Key}' there.");
        }

        if (!source.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw new ConfigurationException(
                $"'{source}': takes hf:OWNER/NAME, a dataset of the Hugging Face Hub; text on this machine is named with -d {source}.");
        }

        return Repository().IsMatch(source) ? source.Split('/', ':')[^1]
            : throw new ConfigurationException($"'{source}': is no name of a dataset on the Hub, such as hf:HuggingFaceFW/fineweb-edu.");
    }

    /// <summary>The dataset's file, YAML.</summary>
    /// <exception cref="ConfigurationException">A number is none.</exception>
    public string FileOf(ParseResult result) =>
        string.Concat(Settings(result, result.GetValue(_source)![Prefix.Length..]).Select(s => $"{s.Key}: {s.Value}\n"));

    /// <summary>Writes the dataset's file, or finds that it says the same; before anything was downloaded by it, it may say otherwise.</summary>
    /// <returns>Whether there was none.</returns>
    /// <exception cref="ConfigurationException">The file says otherwise.</exception>
    public bool Write(ParseResult result, LoadedConfig config)
    {
        var (file, text) = (config.Paths.DatasetConfig, FileOf(result));
        var isNew = !File.Exists(file);
        if (!isNew)
        {
            var there = string.Concat(File.ReadLines(file).Where(l => l.Length > 0 && !l.StartsWith('#')).Select(l => l + "\n"));
            if (there == text) return false;
            if (IsBegun(config) || !there.StartsWith("hf_path: ", StringComparison.Ordinal))
            {
                throw new ConfigurationException($"{file}: the dataset '{config.Run.Dataset}' is there already with other settings; use it with "
                    + $"-d {config.Run.Dataset}, or give this one another name with -d.");
            }
        }

        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        DurableFile.Replace(file, Encoding.UTF8.GetBytes($"# Of the Hugging Face Hub. All keys: docs/configuration.md\n{text}"));
        Console.Error.WriteLine($"{file}: written; later commands name this dataset with -d {config.Run.Dataset}");
        return isNew;
    }

    /// <summary>Removes the dataset's file, unless its files are known by now, so that the next command goes on with them.</summary>
    public static void TakeBack(LoadedConfig config)
    {
        if (IsBegun(config)) return;
        File.Delete(config.Paths.DatasetConfig);
        Console.Error.WriteLine($"{config.Paths.DatasetConfig}: removed again, for no download began");
    }

    private static bool IsBegun(LoadedConfig config) =>
        File.Exists(Path.Combine(config.Paths.Raw, HubPlan.FileName)) || File.Exists(Path.Combine(config.Paths.Raw, RawManifest.FileName));

    private IEnumerable<(string Key, string Value, string Option)> Settings(ParseResult result, string repository)
    {
        yield return ("hf_path", repository, Prefix);
        foreach (var (key, option) in new[] { ("name", _name), ("split", _split), ("revision", _revision) })
        {
            if (result.GetValue(option) is { } value) yield return (key, JsonSerializer.Serialize(value), option.Name);
        }

        foreach (var (key, option) in new[] { ("max_bytes", _maxBytes), ("ndocs", _maxDocuments) })
        {
            if (result.GetValue(option) is { } value) yield return (key, Number(value, option.Name), option.Name);
        }
    }

    private static string Number(string value, string option) => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0
        ? n.ToString(CultureInfo.InvariantCulture)
        : throw new ConfigurationException($"{option} {value}: takes a whole number above 0.");

    [GeneratedRegex(@"^hf:([A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*$")]
    private static partial Regex Repository();
}
