using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Text;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt batch RUN@STEP</c>: from a step's loss to the text that it was trained on.</summary>
internal static class BatchCommand
{
    private const int ExcerptCharacters = 100;
    private const long MostSteps = 1000;

    public static Command Create()
    {
        var reference = RunArguments.Run("RUN@STEP or RUN@STEP..STEP; steps as the log counts them.");
        var full = new Option<bool>("--full") { Description = "Print all of the text." };
        var noLoss = new Option<bool>("--no-loss") { Description = "Leave the losses out, for which a rank loads a checkpoint." };
        var json = JsonOutput.Option();
        var command = new Command("batch", "Show the windows of a step: the documents in them, where those stand in the raw text, and the loss of each window.")
        {
            reference, full, noLoss, json,
        };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (view, steps) = await FindAsync(client, result.GetValue(reference)!);
            var checkpoint = result.GetValue(noLoss) ? null : Nearest(view.Record, steps.First);
            var windows = Read(view, steps);
            if (checkpoint is not null) windows = await WithLossesAsync(client, view, steps, checkpoint, windows, cancellation);
            if (result.GetValue(json)) JsonOutput.Print([.. windows], JsonOutput.Records.BatchOutputArray);
            else Print(view, windows, checkpoint, result.GetValue(full));
            return ExitCodes.Success;
        });
        return command;
    }

    /// <summary>The run and the steps that are meant.</summary>
    /// <exception cref="UserErrorException">There are none such.</exception>
    private static async Task<(RunView View, StepRange Steps)> FindAsync(PlatformClient client, string reference)
    {
        var parts = reference.Split('@', 2);
        if (parts.Length < 2)
        {
            throw new ConfigurationException($"which step? Name it, as {reference}@15 or {reference}@15..18; "
                + $"`dtt metrics {reference}` lists the loss of each.");
        }

        var steps = StepRange.Parse(parts[1]);
        if (steps.Last - steps.First >= MostSteps) throw new ConfigurationException($"{parts[1]} are more than {MostSteps:N0} steps; name fewer.");
        var (_, view) = await RunLookup.FindAsync(client, parts[0]);
        var (record, done) = (view.Record, Math.Max(view.Row.Step, view.Record.Latest?.Step ?? 0));
        // What the next attempt will train again with other windows has not been trained on yet.
        foreach (var leftOut in (record.LeftOut ?? []).Where(l => l.Attempt > record.CurrentAttempt)) done = Math.Min(done, leftOut.FirstStep - 1);
        if (view.Request.TokensFolder.Length == 0)
            throw new BadDataException($"run '{record.Run}' is an import: it was trained on no windows that DTT knows of.");
        return steps.Last <= done ? (view, steps)
            : throw new BadDataException($"run '{record.Run}' has not reached step {steps.Last:N0}: "
                + (done == 0 ? "it has done none yet." : $"it has done {done:N0}" + (record.TotalSteps > 0 ? $" of {record.TotalSteps:N0}." : ".")));
    }

    /// <summary>The newest checkpoint from before a step; where none is left, the oldest after it.</summary>
    /// <exception cref="BadDataException">The run has no checkpoint.</exception>
    private static CommittedCheckpoint Nearest(RunRecord record, long step) =>
        record.Checkpoints.LastOrDefault(c => c.Step < step) ?? record.Checkpoints.FirstOrDefault()
            ?? throw new BadDataException($"run '{record.Run}' has no checkpoint yet, and losses are computed with one; --no-loss leaves them out.");

    private static List<BatchOutput> Read(RunView view, StepRange steps)
    {
        var (record, request) = (view.Record, view.Request);
        using var data = TrainingData.Open(request.TokensFolders, request.TokenizerFolder, request.Config, record.GlobalBatchWindows);
        TokenIdentity.Require(record.TokenData, data.Identity, record.Run, request.TokensFolders);
        var order = new StepWindows(data, new PositionMap(record.LeftOut));
        var texts = data.Datasets.Select(d => new WindowText(d.Index, d.Train, data.Vocabulary)).ToList();
        var tokens = new long[request.Config.Model.ContextLength + 1];
        var found = new List<(long Step, StepWindow Window, IReadOnlyList<WindowDocument> Documents, byte[][] Texts)>();
        for (var step = steps.First; step <= steps.Last; step++)
        {
            foreach (var window in order.Of(step))
            {
                data.Datasets[window.Dataset].Train.Read(window.Shard, window.Offset, tokens);
                var text = texts[window.Dataset];
                var documents = text.DocumentsOf(window.Shard, window.Offset, tokens);
                found.Add((step, window, documents, [.. documents.Select(d => text.Decode(tokens.AsSpan(d.From, d.Tokens)))]));
            }
        }

        var located = data.Datasets.Select((d, n) => new Queue<WindowDocument>(
            Located(request, n, d.Index, [.. found.Where(f => f.Window.Dataset == n).SelectMany(f => f.Documents)]))).ToList();
        var windows = new List<BatchOutput>();
        foreach (var (step, window, documents, decoded) in found)
        {
            var shard = texts[window.Dataset].ShardOf(window.Shard).File;
            if (data.Mixture is not null) shard = $"{data.Datasets[window.Dataset].Name}/{shard}";
            windows.Add(BatchOutput.Of(
                step, window, shard, tokens.Length, [.. documents.Select((_, i) => BatchDocumentOutput.Of(located[window.Dataset].Dequeue(), decoded[i]))]));
        }

        return windows;
    }

    /// <summary>The documents with their places; where the raw text is gone or another one, a note says so and they have none.</summary>
    private static IReadOnlyList<WindowDocument> Located(RunRequest run, int dataset, TokenIndex index, IReadOnlyList<WindowDocument> documents)
    {
        if (documents.Count == 0) return documents;
        try
        {
            return RawText.Find(run, dataset, index).Find(documents);
        }
        catch (Exception e) when (e is UserErrorException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"note: where the documents stand is not known: {e.Message}");
            return documents;
        }
    }

    private static async Task<List<BatchOutput>> WithLossesAsync(
        PlatformClient client, RunView view, StepRange steps, CommittedCheckpoint checkpoint, List<BatchOutput> windows, CancellationToken cancellation)
    {
        var g = view.Record.GlobalBatchWindows;
        var work = new WindowLossSpec { FirstStep = steps.First, LastStep = steps.Last, GlobalBatchWindows = g, LeftOut = view.Record.LeftOut };
        await foreach (var told in Jobs.RunAsync(client, view.Row.Folder, checkpoint.Step, work, cancellation).OfType<WindowLosses>())
        {
            var first = (int)((told.Step - steps.First) * g + told.First);
            foreach (var (i, loss) in told.Losses.Index())
                windows[first + i] = windows[first + i] with { Loss = double.IsFinite(loss) ? loss : null, Checkpoint = checkpoint.Step };
        }

        return windows;
    }

    private static void Print(RunView view, List<BatchOutput> windows, CommittedCheckpoint? checkpoint, bool full)
    {
        var o = Console.Out;
        foreach (var step in windows.GroupBy(w => w.Step))
        {
            o.WriteLine($"{view.Record.Run}, step {step.Key:N0}: {step.Count():N0} windows of {view.Request.Config.Model.ContextLength:N0} tokens, "
                + $"positions {step.First().Position:N0}–{step.Last().Position:N0} of the data order");
            if (checkpoint is not null)
            {
                var trained = checkpoint.Step < step.Key ? "before it was trained on them" : "after it was trained on them";
                o.WriteLine($"mean loss {Loss(step.Average(w => w.Loss ?? double.NaN))} at the checkpoint of step {checkpoint.Step:N0}, {trained}");
            }

            foreach (var window in step)
            {
                o.WriteLine();
                var tokens = $"tokens {window.Token:N0}–{window.Token + window.Tokens - 1:N0}";
                o.WriteLine($"position {window.Position:N0}, epoch {window.Epoch:N0}, {window.Shard}, {tokens}"
                    + (checkpoint is null ? "" : $", loss {Loss(window.Loss)}"));
                foreach (var document in window.Documents)
                {
                    o.WriteLine($"  {Place(document)}");
                    foreach (var line in full ? document.Text.Split('\n') : [Excerpt(document.Text)]) o.WriteLine($"    {line}");
                }
            }

            o.WriteLine();
        }
    }

    private static string Loss(double? loss) => loss is { } value && double.IsFinite(value) ? $"{value:0.0000}" : "not finite";

    private static string Place(BatchDocumentOutput document)
    {
        var place = document.File is { } file
            ? new DocumentOrigin(file) { Line = document.Line, Byte = document.Byte, Record = document.Record }.ToString()
            : $"document {document.Document:N0} of the shard (piece {document.Piece:N0} of the raw text)";
        return document.TextFrom > 0 ? $"{place}, from its byte {document.TextFrom:N0} on" : place;
    }

    private static string Excerpt(string text)
    {
        var line = text.ReplaceLineEndings(" ");
        if (line.Length <= ExcerptCharacters) return line;
        return line[..(char.IsHighSurrogate(line[ExcerptCharacters - 1]) ? ExcerptCharacters - 1 : ExcerptCharacters)] + " …";
    }
}
