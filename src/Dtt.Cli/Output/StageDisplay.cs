using Dtt.Abstractions;
using Dtt.Client;
using Spectre.Console;

namespace Dtt.Cli.Output;

/// <summary>Shows a dataset job on stderr: a line for each finished stage, and a live bar over the pieces when stderr is a terminal.</summary>
internal sealed class StageDisplay
{
    private readonly IAnsiConsole _console = Terminal.Error;
    private readonly DownloadRate _rate = new(TimeProvider.System);
    private int _noted;
    private string? _remark;

    /// <summary>Times that progress was shown.</summary>
    public int Shown { get; private set; }

    /// <summary>Shows to the end; how it ended.</summary>
    public async Task<DatasetProgress> ShowAsync(IAsyncEnumerable<DatasetProgress> progress, CancellationToken cancellation)
    {
        if (!_console.Profile.Capabilities.Interactive || !_console.Profile.Out.IsTerminal) return await DrainAsync(progress, null, cancellation);
        var last = (DatasetProgress?)null;
        await _console.Progress().AutoClear(true).HideCompleted(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async context => last = await DrainAsync(progress, context.AddTask("preparing"), cancellation));
        return last!;
    }

    private async Task<DatasetProgress> DrainAsync(IAsyncEnumerable<DatasetProgress> progress, ProgressTask? bar, CancellationToken cancellation)
    {
        DatasetProgress? last = null;
        await foreach (var news in progress.Until(cancellation))
        {
            last = news;
            Shown++;
            if (news.Remark is { } remark && remark != _remark) Line(remark, bar);
            _remark = news.Remark;
            var notes = last.Stage == DatasetStage.Failed ? last.Notes.Count - 1 : last.Notes.Count;
            for (; _noted < notes; _noted++) Line(last.Notes[_noted], bar);
            if (bar is null)
            {
                if (last.Bytes > 0 && _rate.IsLineDue(last)) Console.Error.WriteLine($"download: {last.Dataset}{_rate.Of(last)}");
                continue;
            }

            bar.Description = $"{last.Dataset} {last.Stage.ToString().ToLowerInvariant()}{(last.Pieces > 0 ? $" {last.PiecesDone:N0}/{last.Pieces:N0}" : "")}"
                + (last.Bytes > 0 ? _rate.Of(last) : "");
            (bar.MaxValue, bar.Value) = last.Bytes > 0 ? (last.Bytes, last.BytesDone) : (Math.Max(1, last.Pieces), last.PiecesDone);
        }

        return last ?? throw new OperationCanceledException("the job is gone");
    }

    private void Line(string text, ProgressTask? bar)
    {
        if (bar is null) Console.Error.WriteLine(text);
        else _console.WriteLine(text);
    }
}
