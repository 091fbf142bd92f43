using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Text;

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
        var leftOut = new Option<bool>("--left-out") { Description = "The windows that the run leaves out of these steps, instead of those that they have." };
        var noLoss = new Option<bool>("--no-loss") { Description = "Leave the losses out, for which a rank loads a checkpoint." };
        var json = JsonOutput.Option();
        var command = new Command("batch", "Show the windows of a step: the documents in them, where those stand in the raw text, and the loss of each window.")
        {
            reference, full, leftOut, noLoss, json,
        };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (view, steps) = await FindAsync(client, result.GetValue(reference)!);
            var parts = result.GetValue(leftOut) ? LeftOut(view, steps) : [Trained(view, steps)];
            var checkpoint = result.GetValue(noLoss) ? null : Nearest(view.Record, parts.Min(p => p.Steps.First));
            var windows = BatchPart.Read(view, parts);
            foreach (var (part, of) in parts.Zip(windows))
            {
                if (checkpoint is not null) await AddLossesAsync(client, view, part, checkpoint, of, cancellation);
                if (!result.GetValue(json)) Print(view, part, of, checkpoint, result.GetValue(full));
            }

            if (result.GetValue(json)) JsonOutput.Print([.. windows.SelectMany(w => w)], JsonOutput.Records.BatchOutputArray);
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
        return view.Request.TokensFolder.Length > 0 ? (view, steps)
            : throw new BadDataException($"run '{view.Record.Run}' is an import: it was trained on no windows that DTT knows of.");
    }

    /// <summary>The windows that the run was trained on in steps.</summary>
    /// <exception cref="BadDataException">It has not come to them.</exception>
    private static BatchPart Trained(RunView view, StepRange steps)
    {
        var (record, done) = (view.Record, Math.Max(view.Row.Step, view.Record.Latest?.Step ?? 0));
        // What the next attempt will train again with other windows has not been trained on yet.
        foreach (var leftOut in (record.LeftOut ?? []).Where(l => l.Attempt > record.CurrentAttempt)) done = Math.Min(done, leftOut.FirstStep - 1);
        var hint = BatchPart.LeftOut(record, steps).Count == 0 ? "" : "some windows of these steps are left out; --left-out shows them.";
        if (steps.Last > done)
        {
            throw new BadDataException($"run '{record.Run}' has not reached step {steps.Last:N0}: "
                + (done == 0 ? "it has done none yet." : $"it has done {done:N0}" + (record.TotalSteps > 0 ? $" of {record.TotalSteps:N0}." : "."))
                + (hint.Length == 0 ? "" : $" Note: {hint}"));
        }

        if (hint.Length > 0) Console.Error.WriteLine($"note: {hint}");
        return new BatchPart(steps, record.LeftOut);
    }

    /// <summary>The windows that the run leaves out of steps.</summary>
    /// <exception cref="BadDataException">There are none.</exception>
    private static IReadOnlyList<BatchPart> LeftOut(RunView view, StepRange steps)
    {
        var (run, parts) = (view.Record.Run, BatchPart.LeftOut(view.Record, steps));
        return parts.Count > 0 ? parts
            : throw new BadDataException($"run '{run}' leaves out no windows of {steps.InWords}; `dtt show {run}` lists what it leaves out.");
    }

    /// <summary>The newest checkpoint from before a step; where none is left, the oldest after it.</summary>
    /// <exception cref="BadDataException">The run has no checkpoint.</exception>
    private static CommittedCheckpoint Nearest(RunRecord record, long step) =>
        record.Checkpoints.LastOrDefault(c => c.Step < step) ?? record.Checkpoints.FirstOrDefault()
            ?? throw new BadDataException($"run '{record.Run}' has no checkpoint yet, and losses are computed with one; --no-loss leaves them out.");

    private static async Task AddLossesAsync(
        PlatformClient client, RunView view, BatchPart part, CommittedCheckpoint checkpoint, List<BatchOutput> windows, CancellationToken cancellation)
    {
        var (g, steps) = (view.Record.GlobalBatchWindows, part.Steps);
        var work = new WindowLossSpec { FirstStep = steps.First, LastStep = steps.Last, GlobalBatchWindows = g, LeftOut = part.Without };
        await foreach (var told in Jobs.RunAsync(client, view.Row.Folder, checkpoint.Step, work, cancellation).OfType<WindowLosses>())
        {
            var first = (int)((told.Step - steps.First) * g + told.First);
            foreach (var (i, loss) in told.Losses.Index())
                windows[first + i] = windows[first + i] with { Loss = double.IsFinite(loss) ? loss : null, Checkpoint = checkpoint.Step };
        }
    }

    private static void Print(RunView view, BatchPart part, List<BatchOutput> windows, CommittedCheckpoint? checkpoint, bool full)
    {
        var o = Console.Out;
        foreach (var step in windows.GroupBy(w => w.Step))
        {
            o.WriteLine($"{view.Record.Run}, step {step.Key:N0}: {step.Count():N0} windows of {view.Request.Config.Model.ContextLength:N0} tokens, "
                + $"positions {step.First().Position:N0}–{step.Last().Position:N0} of the data order"
                + (part.LeftOutSince is { } attempt ? $", left out since attempt {attempt}" : ""));
            if (checkpoint is not null)
            {
                var trained = part.LeftOutSince is not null ? "which was not trained on these positions"
                    : checkpoint.Step < step.Key ? "before it was trained on them" : "after it was trained on them";
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
