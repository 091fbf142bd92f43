using System.CommandLine;
using Dtt.Cli.Output;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Reports;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt report</c>: what the documents of a tokenized dataset are like.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var command = new Command("report", "Show what a tokenized dataset is like: its documents, their lengths, duplicates, invalid text.");
        var options = new ConfigOptions(command, tokenizer: true, training: false);
        var json = JsonOutput.Option();
        var picture = new Option<string?>("--output", "-o") { Description = "Draw the documents' lengths as well: a .png or .svg file." };
        command.Add(json);
        command.Add(picture);
        command.SetAction(result =>
        {
            var report = Of(options.Load(result));
            if (result.GetValue(picture) is { } path) LengthPlot.Save(report, path);
            if (result.GetValue(json)) JsonOutput.Print(report, JsonOutput.Records.ReportOutput);
            else Print(report);
        });
        return command;
    }

    private static ReportOutput Of(LoadedConfig config)
    {
        if (config.EachDataset.Count() > 1)
            throw new ConfigurationException($"a report is of one dataset: name one of {string.Join(", ", config.Run.DatasetNames)} with -d.");
        if (!Path.Exists(config.Paths.Tokens)) _ = DatasetLoader.Load(config, TextStream.Open, _ => { }); // an unknown name is told as such
        var index = TokenIndex.FindRequired(config.Paths.Tokens);
        var report = TokenReport.Of(config.Paths.Tokens, index, () => TokenizerFolder.Load(config.Paths.Tokenizer));
        return ReportOutput.Of(config.Run.Dataset, index, report);
    }

    private static void Print(ReportOutput report)
    {
        (string What, string Count)[] facts =
        [
            ("documents", $"{report.Documents:N0}"),
            ("tokens", $"{report.Tokens:N0}"),
            ("bytes of text", $"{report.TextBytes:N0}"),
            ("bytes a token", $"{report.BytesPerToken:0.000}"),
            ("tokens of the longest document", $"{report.LongestTokens:N0}"),
            ("exact duplicates", Share(report.DuplicateDocuments, report.Documents)),
            ("bytes of invalid text", Share(report.InvalidBytes, report.TextBytes)),
            ("duplicates left out", $"{report.DroppedDuplicates:N0}"),
            ("documents skipped", $"{report.SkippedDocuments:N0}"),
        ];
        Table.Print(facts, new("dataset", f => f.What), new(report.Dataset, f => f.Count, Right: true));
        Console.Out.WriteLine();
        Table.Print(
            report.Lengths.SkipWhile(l => l.Documents == 0),
            new("tokens", l => l.From == l.To ? $"{l.From:N0}" : $"{l.From:N0}–{l.To:N0}", Right: true),
            new("documents", l => $"{l.Documents:N0}", Right: true),
            new("", l => $"{100.0 * l.Documents / report.Documents:0.0} %", Right: true));
    }

    private static string Share(long part, long whole) => part == 0 ? "0" : $"{part:N0} ({ReportOutput.Percent((double)part / whole)})";
}
