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

    public override string Title => $"Runs › {Path.GetFileName(folder)}";

    public override Keys.Where Where => Keys.Where.Run;

    /// <summary>The committed checkpoints, newest first.</summary>
    private List<CommittedCheckpoint> Checkpoints => [.. (_detail?.View.Record.Checkpoints ?? []).Reverse()];

    public override async Task RefreshAsync(IPlatform platform)
    {
        var detail = await platform.RunAsync(folder);
        (_detail, _gone) = (detail ?? _detail, detail is null);
    }

    public override void Draw(Canvas canvas)
    {
        if (_detail is null || _gone)
        {
            canvas.Text(1, 2, _gone ? "the run was deleted." : "asking the silo …", Ink.Dim);
            return;
        }

        var view = _detail.View;
        DrawProgress(canvas);
        var lower = _longLog ? canvas.Height / 2 : Math.Clamp(canvas.Height / 3, 6, 12);
        var chart = canvas.Height - 4 - lower;
        canvas.Frame(0, 3, canvas.Width, chart, $"Loss  x:step{(_logSteps ? "[log]" : "")}");
        canvas.Text(canvas.Width - 18, 3, " train ", Ink.Accent);
        canvas.Text(canvas.Width - 10, 3, " val ", Ink.Second);
        if (_detail.Train.Count + _detail.Val.Count == 0) canvas.Text(3, 5, view.Waiting is { } why ? $"waits: {why}" : "no steps yet.", Ink.Dim);
        BrailleChart.Draw(canvas, 1, 4, canvas.Width - 3, chart - 2, [new(Ink.Accent, _detail.Train, Joined: true), new(Ink.Second, _detail.Val, Joined: true)], _logSteps);
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

    public override bool Take(KeyPress key, Shell shell)
    {
        switch (key.Name)
        {
            case "s":
                shell.Do($"stopping {Path.GetFileName(folder)}: it saves a checkpoint first", p => p.StopAsync(folder));
                return true;
            case "r":
                shell.Do($"resuming {Path.GetFileName(folder)}", p => p.ResumeAsync(folder));
                return true;
            case "x":
                _logSteps = !_logSteps;
                return true;
            case "l" or "L":
                _longLog = !_longLog;
                return true;
            case "down" or "j":
                _checkpoint = Math.Min(_checkpoint + 1, Math.Max(0, Checkpoints.Count - 1));
                return true;
            case "up" or "k":
                _checkpoint = Math.Max(0, _checkpoint - 1);
                return true;
            case "p" or "enter":
                if (Checkpoints.Count == 0) shell.Say("there is no checkpoint to sample from yet.");
                else shell.Open(new PlayPage(folder, Checkpoints[Math.Min(_checkpoint, Checkpoints.Count - 1)].Step));
                return true;
            default:
                return false;
        }
    }

    private void DrawProgress(Canvas canvas)
    {
        var (view, row) = (_detail!.View, _detail.View.Row);
        var share = row.TotalSteps == 0 ? 0 : (double)row.Step / row.TotalSteps;
        var state = $"● {row.State.ToString().ToLowerInvariant()}{(view.StopRequested ? ", stopping" : "")}";
        canvas.Text(1, 1, state, RunsPage.InkOf(row.State));
        var text = string.Create(CultureInfo.InvariantCulture, $"step {row.Step:N0}/{row.TotalSteps:N0}");
        canvas.Text(state.Length + 3, 1, text);
        var x = state.Length + text.Length + 5;
        var right = string.Create(CultureInfo.InvariantCulture, $"{share:0%}  ETA {Eta(row)}  loss {row.TrainLoss:0.000}  val {row.ValLoss:0.000}  {row.TokensPerSecond:N0} tok/s");
        var bar = canvas.Width - x - right.Length - 3;
        if (bar >= 4) canvas.Bar(x, 1, bar, share, Ink.Good);
        canvas.TextRight(canvas.Width - 1, bar >= 4 ? 1 : 2, right, Ink.Dim);
    }

    private static string Eta(Abstractions.RunRow row)
    {
        if (row.TokensPerSecond is not > 0 || row.Step == 0 || row.State != RunState.Running) return "—";
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
            canvas.Text(x + 1, y + 1 + i, string.Create(CultureInfo.InvariantCulture, $"{(c.Step == best?.Step ? '★' : ' ')}{(c.Pinned ? '⚑' : ' ')}{c.Step,8:N0} {c.ValLoss?.ToString("0.000", CultureInfo.InvariantCulture) ?? "—",6} {c.SizeBytes / 1e6,7:N1}M"), Ink.Plain, w - 2);
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
            canvas.Text(x + 8, y + 1 + i, recent[i].Message, recent[i].Kind switch { "died" or "failed" or "refused" => Ink.Bad, "recovering" or "drained" or "unreadable" => Ink.Warn, "completed" => Ink.Good, _ => Ink.Plain }, w - 9);
        }
    }

    private void DrawLog(Canvas canvas, int x, int y, int w, int h)
    {
        canvas.Frame(x, y, w, h, "Log");
        var lines = _detail!.Log.TakeLast(h - 2).ToList();
        for (var i = 0; i < lines.Count; i++) canvas.Text(x + 2, y + 1 + i, lines[i], Ink.Dim, w - 3);
    }
}
