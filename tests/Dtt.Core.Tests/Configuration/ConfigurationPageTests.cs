using System.Text;
using Dtt.Core.Configuration;
using Dtt.Tests;

namespace Dtt.Core.Tests.Configuration;

/// <summary><c>docs/configuration.md</c> is written from the key tables: with <c>DTT_WRITE_DOCS=1</c> this test writes it, else it compares.</summary>
public sealed class ConfigurationPageTests
{
    [Fact]
    public void Page_MatchesTheKeyTables()
    {
        var file = Repository.At("docs", "configuration.md");
        var page = Page();
        if (Environment.GetEnvironmentVariable("DTT_WRITE_DOCS") == "1") File.WriteAllText(file, page);
        Assert.Equal(page, File.ReadAllText(file));
    }

    private static string Page()
    {
        var page = new StringBuilder("""
            # Configuration

            Three YAML files, each with one table of keys. The command line beats the file and the file beats the default, also for 0 and
            false: `--set optimizer.params.weight_decay=0` sets any key. Unknown, duplicate and ill-typed keys are errors with file and line, and all errors
            are reported at once. A run keeps its resolved configuration in `runs/RUN/config.yaml`.

            This page is written from the tables in `src/Dtt.Core/Configuration`; a test compares them.

            ## Runs: `configs/config.yaml`, `-c FILE`

            """);
        var sections = RunKeys.Sections.ToDictionary(s => s.FirstKey, s => s.Title);
        foreach (var key in RunKeys.All)
        {
            if (sections.TryGetValue(key.Name, out var title)) page.Append($"\n### {title}\n\n").Append(Head);
            page.Append(Row(key));
        }

        page.Append("\n## Datasets: `configs/project_datasets/NAME.yaml`\n\n").Append(Head);
        foreach (var key in DatasetKeys.All) page.Append(Row(key));
        page.Append("\n## Paths: `configs/path_templates.yaml`\n\nAny text or number key of a run's configuration and `{time}` may stand in braces; ")
            .Append("a leading `~` is the home folder.\n\n").Append(Head);
        foreach (var key in TemplateKeys.All) page.Append(Row(key));
        return page.ToString();
    }

    private const string Head = "| key | meaning | unit | default | range |\n|---|---|---|---|---|\n";

    private static string Row(ConfigKey key)
    {
        var range = key.Choices.Count > 0 ? string.Join(", ", key.Choices.Select(c => $"`{c}`"))
            : key.Min is null && key.Max is null ? ""
            : $"{(key.Min is null ? "" : $"{(key.MinExclusive ? ">" : "≥")} {key.Min}")}{(key.Max is null ? "" : $" ≤ {key.MaxText}")}".Trim();
        if (key.Word is { } word) range = $"{range} or `{word}`";
        var meaning = key.LostMeaning is { } lost ? $"{key.Meaning} The key {lost}" : key.Meaning;
        return $"| `{key.Name}` | {meaning} | {key.Unit} | {(string.IsNullOrEmpty(key.Default) ? "unset" : $"`{key.Default}`")} | {range} |\n";
    }
}
