using System.CommandLine;
using System.Text.Json.Nodes;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt datasets</c>: raw texts and tokens, and how far each is.</summary>
internal static class DatasetsCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "A JSON list." };
        var command = new Command("datasets", "List the datasets: raw text and tokens, and how far each is.") { json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var rows = await client.Grains.GetGrain<IPlatformGrain>(0).DatasetsAsync();
            if (result.GetValue(json)) Console.Out.WriteLine(new JsonArray([.. rows.Select(Json)]).ToJsonString(JsonOutput.Options));
            else if (rows.Length == 0) Console.Error.WriteLine("no datasets yet; begin one with `dtt download`.");
            else Table.Print(["dataset", "what", "stage", "pieces", "folder"], leftAligned: [0, 1, 2, 4], rows.Select(r => (string[])[r.Dataset, What(r), r.Stage.ToString().ToLowerInvariant(), r.RawOnly ? "" : $"{r.PiecesDone:N0}/{r.Pieces:N0}", r.Folder]));
        });
        return command;
    }

    private static string What(DatasetProgress row) => row.RawOnly ? "raw" : "tokens";

    private static JsonObject Json(DatasetProgress row) => new()
    {
        ["dataset"] = row.Dataset,
        ["what"] = What(row),
        ["stage"] = row.Stage.ToString().ToLowerInvariant(),
        ["pieces"] = row.Pieces,
        ["pieces_done"] = row.PiecesDone,
        ["notes"] = new JsonArray([.. row.Notes.Select(n => JsonValue.Create(n))]),
        ["folder"] = row.Folder,
    };
}
