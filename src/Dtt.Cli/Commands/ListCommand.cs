using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Dtt.Cli.Runs;
using Dtt.Client;

namespace Dtt.Cli.Commands;

/// <summary>The skeleton of every command that lists: fetch the rows, print them as JSON or as text, or say that there are none.</summary>
internal static class ListCommand
{
    /// <summary>Completes a command that has its name, description and arguments.</summary>
    /// <param name="command">The command.</param>
    /// <param name="fetch">Asks the platform for the rows.</param>
    /// <param name="json">A row as <c>--json</c> has it.</param>
    /// <param name="type">The JSON of the list.</param>
    /// <param name="print">Prints the rows as text; there is at least one.</param>
    /// <param name="empty">What is said when there are none.</param>
    public static Command Create<TRow, TJson>(
        Command command,
        Func<PlatformClient, ParseResult, Task<TRow[]>> fetch,
        Func<TRow, TJson> json,
        JsonTypeInfo<TJson[]> type,
        Action<TRow[]> print,
        string empty)
    {
        var asJson = JsonOutput.Option();
        command.Add(asJson);
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var rows = await fetch(client, result);
            if (result.GetValue(asJson)) JsonOutput.Print([.. rows.Select(json)], type);
            else if (rows.Length == 0) Console.Error.WriteLine(empty);
            else print(rows);
        });
        return command;
    }
}
