using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>A list with a selection and a filter. It says when it has no data yet, none at all, or none that match.</summary>
internal abstract class ListPage : Page
{
    private const int Gap = 2, NarrowestName = 12;

    private IReadOnlyList<ListRow>? _rows;
    private TextInput? _input;
    private string _filter = "";
    private int _selected, _top;

    public override TextInput? Input => _input;

    /// <summary>Whether a filter hides rows.</summary>
    public bool IsFiltered => _filter.Length > 0;

    /// <summary>Why no row can be chosen, or null.</summary>
    public string? WhyEmpty => Matching.Count > 0 ? null
        : _rows is null ? Waiting
        : _rows.Count == 0 ? Empty
        : $"no match for '{_input?.Text ?? _filter}'.";

    /// <summary>What is said when there are no rows at all.</summary>
    protected abstract string Empty { get; }

    /// <summary>The columns; the first is the name, and gives way when the screen is narrow.</summary>
    protected abstract IReadOnlyList<ListColumn> Columns { get; }

    private List<ListRow> Matching => [.. (_rows ?? []).Where(r => r.Name.Contains(_input?.Text ?? _filter, StringComparison.OrdinalIgnoreCase))];

    protected abstract Task<IReadOnlyList<ListRow>> FetchAsync(IPlatform platform);

    public override async Task RefreshAsync(IPlatform platform) => _rows = await FetchAsync(platform);

    public void Move(int by) => _selected = Math.Max(0, _selected + by);

    public void MoveToFirst() => _selected = 0;

    public void MoveToLast() => _selected = int.MaxValue;

    public void OpenSelected(Shell shell)
    {
        var rows = Matching;
        shell.Open(rows[Math.Min(_selected, rows.Count - 1)].Open());
    }

    public void EditFilter() => _input = new TextInput(_filter);

    public void ApplyFilter() => (_filter, _input) = (_input!.Text, null);

    public void CancelFilter() => _input = null;

    public void ClearFilter() => _filter = "";

    public override void Draw(Canvas canvas)
    {
        var rows = Matching;
        _selected = Math.Clamp(_selected, 0, Math.Max(0, rows.Count - 1));
        var room = Math.Max(1, canvas.Height - 4);
        _top = Math.Clamp(_top, Math.Max(0, _selected - room + 1), _selected);
        var others = Columns.Skip(1).SkipLast(1).Sum(c => Gap + c.Width);
        ListColumn[] columns = [Columns[0] with { Width = Math.Clamp(canvas.Width - 1 - others, NarrowestName, Columns[0].Width) }, .. Columns.Skip(1)];
        DrawRow(canvas, 1, columns, [.. columns.Select(c => (c.Head, Ink.Dim))]);
        for (var i = 0; i < Math.Min(room, rows.Count - _top); i++)
        {
            DrawRow(canvas, 2 + i, columns, rows[_top + i].Cells);
            if (_top + i == _selected) canvas.Paint(0, 2 + i, canvas.Width, Ink.Selected);
        }

        if (WhyEmpty is { } why) canvas.Text(1, 3, why, Ink.Dim);
        if (_input is not null) canvas.Text(1, canvas.Height - 2, $"/{_input.Text}▏", Ink.Accent);
        else if (IsFiltered) canvas.Text(1, canvas.Height - 2, $"/{_filter}", Ink.Dim);
    }

    private static void DrawRow(Canvas canvas, int y, IReadOnlyList<ListColumn> columns, IReadOnlyList<(string Text, Ink Ink)> cells)
    {
        var x = 1;
        foreach (var ((text, ink), (_, width, right)) in cells.Zip(columns))
        {
            if (right) canvas.TextRight(x + width, y, text.Length > width ? text[..width] : text, ink);
            else canvas.Text(x, y, text, ink, width);
            x += width + Gap;
        }
    }
}
