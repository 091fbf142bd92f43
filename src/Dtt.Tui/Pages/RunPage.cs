using System.Globalization;
using Dtt.Core.Runs;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>One run: progress, the loss as it falls, checkpoints, events, the log.</summary>
internal sealed class RunPage(string folder) : Page
{
    private RunDetail? _detail;
    private bool _gone, _logSteps, _longLog;
    private int _checkpoint;

    public override string Title => $"Runs › {Run}";

    /// <summary>Whether all of its steps are done: there is nothing to stop or to resume.</summary>
    public bool IsComplete => _detail is not null && State == RunState.Completed;

    /// <summary>Why the run cannot be stopped now, or null.</summary>
    public string? WhyNoStop => Unavailable
        ?? (!State.IsActive() ? $"{Run} is {Word}: there is nothing to stop."
            : StopRequested ? $"{Run} is stopping already."
            : null);

    /// <summary>Why the run cannot be resumed now, or null.</summary>
    public string? WhyNoResume => Unavailable
        ?? (!State.IsActive() ? null
            : StopRequested ? $"{Run} is still stopping."
            : $"{Run} is {Word} already.");

    /// <summary>Why there is no checkpoint to choose, or null.</summary>
    public string? WhyNoCheckpoint => Unavailable ?? (Checkpoints.Count == 0 ? "there is no checkpoint to sample from yet." : null);

    /// <summary>Why nothing of the run is shown, or null.</summary>
    private string? Unavailable => _gone ? "the run was deleted." : _detail is null ? Waiting : null;

    private string Run => Path.GetFileName(folder);

    private RunState State => _detail!.View.Row.State;

    private bool StopRequested => _detail!.View.StopRequested;

    private string Word => State.ToString().ToLowerInvariant();

    /// <summary>The committed checkpoints, newest first.</summary>
    private List<CommittedCheckpoint> Checkpoints => [.. (_detail?.View.Record.Checkpoints ?? []).Reverse()];

    public override async Task RefreshAsync(IPlatform platform)
    {
        var detail = await platform.RunAsync(folder);
        (_detail, _gone) = (detail ?? _detail, detail is null);
    }

    public void Stop(Shell shell) => shell.Do($"stopping {Run}: it saves a checkpoint first …", platform => platform.StopAsync(folder));

    public void Resume(Shell shell) => shell.Do($"resuming {Run} …", platform => platform.ResumeAsync(folder));

    public void OpenPlayground(Shell shell) => shell.Open(new PlayPage(folder, Checkpoints[Math.Min(_checkpoint, Checkpoints.Count - 1)].Step));

    public void ToggleLogSteps() => _logSteps = !_logSteps;

    public void ToggleLongLog() => _longLog = !_longLog;

    /// <summary>Chooses another checkpoint, an older one for a positive number.</summary>
    public void Move(int by) => _checkpoint = Math.Clamp(_checkpoint + by, 0, Math.Max(0, Checkpoints.Count - 1));

    public override void Draw(Canvas canvas)
    {
        if (Unavailable is { } reason)
        {
            canvas.Text(1, 2, reason, Ink.Dim);
            return;
        }

        var view = _detail!.View;
        DrawProgress(canvas);
        var lower = _longLog ? canvas.Height / 2 : Math.Clamp(canvas.Height / 3, 6, 12);
        var chart = canvas.Height - 4 - lower;
        canvas.Frame(0, 3, canvas.Width, chart, $"Loss  x:step{(_logSteps ? "[log]" : "")}");
        canvas.Text(canvas.Width - 18, 3, " train ", Ink.Accent);
        canvas.Text(canvas.Width - 10, 3, " val ", Ink.Second);
        if (_detail.Train.Count + _detail.Val.Count == 0) canvas.Text(3, 5, view.Waiting is { } why ? $"waiting: {why}" : "no steps yet.", Ink.Dim);
        BrailleChart.Curve[] curves = [new(Ink.Accent, _detail.Train, Joined: true), new(Ink.Second, _detail.Val, Joined: true)];
        BrailleChart.Draw(canvas, 1, 4, canvas.Width - 3, chart - 2, curves, _logSteps);
        var (y, third) = (3 + chart, canvas.Width / 3);
        if (_longLog)
        {
            DrawLog(canvas, 0, y, canvas.Width, lower);
            return;
        }

        DrawCheckpoints(canvas, 0, y, third, lower);
        DrawEvents(canvas, third, y, third, lower);
        DrawLog(canvas, 2 * third, y, canvas.Width - 2 * third, lower);
    }

    private void DrawProgress(Canvas canvas)
    {
        var row = _detail!.View.Row;
        var share = row.TotalSteps == 0 ? 0 : (double)row.Step / row.TotalSteps;
        var state = $"● {Word}{(StopRequested ? ", stopping" : "")}";
        canvas.Text(1, 1, state, RunsPage.InkOf(row.State));
        var text = string.Create(CultureInfo.InvariantCulture, $"step {row.Step:N0}/{row.TotalSteps:N0}");
        canvas.Text(state.Length + 3, 1, text);
        var x = state.Length + text.Length + 5;
        var room = canvas.Width - x - 1;
        static string Shown(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "—";
        var losses = $"loss {Shown(row.TrainLoss, "0.000")}  val {Shown(row.ValLoss, "0.000")}";
        var (percent, speed) = (string.Create(CultureInfo.InvariantCulture, $"{share:0%}  "), $"  {Shown(row.TokensPerSecond, "N0")} tok/s");
        var eta = Eta(row) is { } left ? $"ETA {left}  " : "";

        // One line at any width: what tells least is left out first.
        string[] rights = [percent + eta + losses + speed, eta + losses + speed, losses + speed, losses];
        var right = rights.FirstOrDefault(r => r.Length <= room) ?? rights[^1];
        if (room - right.Length - 2 is >= 4 and var bar) canvas.Bar(x, 1, bar, share, Ink.Good);
        canvas.TextRight(canvas.Width - 1, 1, right, Ink.Dim);
    }

    /// <summary>The time that is left; null when it is not known.</summary>
    private static string? Eta(Abstractions.RunRow row)
    {
        if (row.TokensPerSecond is not > 0 || row.Step == 0 || row.State != RunState.Running) return null;
        var left = TimeSpan.FromSeconds((row.TotalSteps - row.Step) * (row.Tokens / (double)row.Step) / row.TokensPerSecond.Value);
        return left.TotalHours >= 1 ? $"{(int)left.TotalHours}h{left.Minutes:00}m" : $"{left.Minutes}m{left.Seconds:00}s";
    }

    private void DrawCheckpoints(Canvas canvas, int x, int y, int w, int h)
    {
        canvas.Frame(x, y, w, h, "Checkpoints");
        var (list, best) = (Checkpoints, _detail!.View.Record.Best);
        _checkpoint = Math.Clamp(_checkpoint, 0, Math.Max(0, list.Count - 1));
        if (list.Count == 0) canvas.Text(x + 2, y + 1, "none yet", Ink.Dim, w - 3);
        var top = Math.Max(0, _checkpoint - (h - 3));
        for (var i = 0; i < Math.Min(h - 2, list.Count - top); i++)
        {
            var c = list[top + i];
            var marks = $"{(c.Step == best?.Step ? '★' : ' ')}{(c.Pinned ? '⚑' : ' ')}";
            var loss = c.ValLoss?.ToString("0.000", CultureInfo.InvariantCulture) ?? "—";
            var text = string.Create(CultureInfo.InvariantCulture, $"{marks}{c.Step,8:N0} {loss,6} {Size(c.SizeBytes),5}");
            canvas.Text(x + 1, y + 1 + i, text, Ink.Plain, w - 2);
            if (top + i == _checkpoint) canvas.Paint(x + 1, y + 1 + i, w - 2, Ink.Selected);
        }
    }

    private void DrawEvents(Canvas canvas, int x, int y, int w, int h)
    {
        canvas.Frame(x, y, w, h, "Events");
        var recent = _detail!.Events.Reverse().Take(h - 2).ToList();
        for (var i = 0; i < recent.Count; i++)
        {
            canvas.Text(x + 2, y + 1 + i, recent[i].At.ToLocalTime().ToString("HH:mm", CultureInfo.InvariantCulture), Ink.Dim, w - 3);
            canvas.Text(x + 8, y + 1 + i, recent[i].Message, InkOf(recent[i].Kind), w - 9);
        }
    }

    private static Ink InkOf(string eventKind) => eventKind switch
    {
        EventKinds.Died or EventKinds.Failed or EventKinds.Refused => Ink.Bad,
        EventKinds.Recovering or EventKinds.Drained or EventKinds.Unreadable or EventKinds.Spike or EventKinds.LeftOut => Ink.Warn,
        EventKinds.Completed => Ink.Good,
        _ => Ink.Plain,
    };

    /// <summary>Bytes in five letters: <c>0.5M</c>, <c>13M</c>, <c>1.5G</c>.</summary>
    private static string Size(long bytes)
    {
        var (value, unit) = bytes >= 1e9 ? (bytes / 1e9, 'G') : (bytes / 1e6, 'M');
        return value.ToString(value < 10 ? "0.0" : "0", CultureInfo.InvariantCulture) + unit;
    }

    private void DrawLog(Canvas canvas, int x, int y, int w, int h)
    {
        canvas.Frame(x, y, w, h, "Log");
        var lines = _detail!.Log.TakeLast(h - 2).ToList();
        for (var i = 0; i < lines.Count; i++) canvas.Text(x + 2, y + 1 + i, lines[i], Ink.Dim, w - 3);
    }
}
