using System.Text;
using Dtt.Abstractions;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>One dataset job: its stage, what each stage said, and its pieces as a map.</summary>
internal sealed class DatasetPage(string folder) : Page
{
    private DatasetProgress? _job;
    private ShardRow[] _shards = [];

    public override string Title => $"Datasets › {folder}";

    public override async Task RefreshAsync(IPlatform platform)
    {
        _job = (await platform.DatasetsAsync()).FirstOrDefault(d => d.Folder == folder);
        if (_job is { RawOnly: false }) _shards = await platform.ShardsAsync(folder);
    }

    public override void Draw(Canvas canvas)
    {
        if (_job is null)
        {
            canvas.Text(1, 2, Waiting, Ink.Dim);
            return;
        }

        canvas.Text(1, 1, $"{_job.Dataset}: {_job.Stage.ToString().ToLowerInvariant()}", Ink.Strong);
        if (_job.Pieces > 0) canvas.Bar(1, 2, Math.Min(40, canvas.Width - 2), (double)_job.PiecesDone / _job.Pieces, Ink.Good);
        var y = 4;
        foreach (var note in _job.Notes) canvas.Text(1, y++, note, _job.Stage == DatasetStage.Failed && note == _job.Notes[^1] ? Ink.Bad : Ink.Plain);
        y++;
        if (_shards.Length > 0) canvas.Text(1, y++, "■ verified  ▣ encoded  ▨ counted  ▶ in progress  ░ waiting", Ink.Dim);
        var width = Math.Max(1, canvas.Width - 2);
        foreach (var shard in _shards)
        {
            var (sign, ink) = shard switch
            {
                { InFlight: true } => ('▶', Ink.Warn),
                { Verified: true } => ('■', Ink.Good),
                { Encoded: true } => ('▣', Ink.Accent),
                { Counted: true } => ('▨', Ink.Second),
                _ => ('░', Ink.Dim),
            };
            canvas.Put(1 + shard.Piece % width, y + shard.Piece / width, new Rune(sign), ink);
        }
    }
}
