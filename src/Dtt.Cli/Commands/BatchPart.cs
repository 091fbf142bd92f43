using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Commands;

/// <summary>Steps of a run, and of which windows: those of the data order without what the run left out at some time.</summary>
/// <param name="Steps">The steps.</param>
/// <param name="Without">What the data order is without; null: nothing.</param>
/// <param name="LeftOutSince">The first attempt that leaves these very windows out; null: the run was trained on them.</param>
internal sealed record BatchPart(StepRange Steps, IReadOnlyList<LeftOutWindows>? Without, int? LeftOutSince = null)
{
    /// <summary>What a run leaves out of steps: the windows that these had when that was decided.</summary>
    public static IReadOnlyList<BatchPart> LeftOut(RunRecord record, StepRange steps) =>
    [
        .. from l in (record.LeftOut ?? []).Index()
           let part = new StepRange(Math.Max(steps.First, l.Item.FirstStep), Math.Min(steps.Last, l.Item.LastStep))
           where part.First <= part.Last
           select new BatchPart(part, [.. record.LeftOut!.Take(l.Index)], l.Item.Attempt),
    ];

    /// <summary>Reads the windows of parts, in the order in which they lie on the disk.</summary>
    /// <returns>Those of each part, in the order of its steps.</returns>
    /// <exception cref="BadDataException">The tokens are missing, damaged, or others than the run's.</exception>
    public static IReadOnlyList<List<BatchOutput>> Read(RunView view, IReadOnlyList<BatchPart> parts)
    {
        var (record, request) = (view.Record, view.Request);
        using var data = TrainingData.Open(request.TokensFolders, request.TokenizerFolder, request.Config, record.GlobalBatchWindows);
        TokenIdentity.Require(record.TokenData, data.Identity, record.Run, request.TokensFolders);
        var texts = data.Datasets.Select(d => new WindowText(d.Index, d.Train, data.Vocabulary)).ToList();
        var tokens = new long[request.Config.Model.ContextLength + 1];
        var windows = parts.SelectMany(part => part.Windows(data)).ToList();
        var found = new (IReadOnlyList<WindowDocument> Documents, byte[][] Texts)[windows.Count];
        foreach (var (i, (_, _, window)) in windows.Index().OrderBy(w => (w.Item.Window.Dataset, w.Item.Window.Shard, w.Item.Window.Offset)))
        {
            data.Datasets[window.Dataset].Train.Read(window.Shard, window.Offset, tokens);
            var text = texts[window.Dataset];
            var documents = text.DocumentsOf(window.Shard, window.Offset, tokens);
            found[i] = (documents, [.. documents.Select(d => text.Decode(tokens.AsSpan(d.From, d.Tokens)))]);
        }

        var located = data.Datasets.Select((d, n) => new Queue<WindowDocument>(
            Located(request, n, d.Index, [.. found.Where((_, i) => windows[i].Window.Dataset == n).SelectMany(f => f.Documents)]))).ToList();
        var read = windows.Zip(found, (w, f) => (w.Part, Window: Output(w, f.Texts))).ToList();
        return [.. parts.Select(part => read.Where(r => ReferenceEquals(r.Part, part)).Select(r => r.Window).ToList())];

        BatchOutput Output((BatchPart Part, long Step, StepWindow Window) found, byte[][] decoded)
        {
            var (part, step, window) = found;
            var shard = texts[window.Dataset].ShardOf(window.Shard).File;
            if (data.Mixture is not null) shard = $"{data.Datasets[window.Dataset].Name}/{shard}";
            var documents = decoded.Select(text => BatchDocumentOutput.Of(located[window.Dataset].Dequeue(), text));
            return BatchOutput.Of(step, window, shard, tokens.Length, part.LeftOutSince, [.. documents]);
        }
    }

    private IEnumerable<(BatchPart Part, long Step, StepWindow Window)> Windows(TrainingData data)
    {
        var order = new StepWindows(data, new PositionMap(Without));
        for (var step = Steps.First; step <= Steps.Last; step++)
        {
            foreach (var window in order.Of(step)) yield return (this, step, window);
        }
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
}
