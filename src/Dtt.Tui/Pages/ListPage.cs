using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>A list with a selection and a filter. It says when it has no data yet, none at all, or none that fits.</summary>
internal abstract class ListPage<T> : Page
{
    private IReadOnlyList<T>? _rows;
    private TextInput? _typing;
    private string _filter = "";
    private int _selected, _top;

    public override Keys.Where Where => Keys.Where.Lists;

    /// <summary>The rows that fit the filter.</summary>
    private List<T> Fitting => [.. (_rows ?? []).Where(r => NameOf(r).Contains(_typing?.Text ?? _filter, StringComparison.OrdinalIgnoreCase))];

    protected abstract string Empty { get; }

    protected abstract string NameOf(T row);

    protected abstract IReadOnlyList<(string Head, int Width, bool Right)> Columns { get; }

    protected abstract (string Text, Ink Ink)[] CellsOf(T row);

    protected abstract Task<T[]> FetchAsync(IPlatform platform);

    protected abstract bool TakeOn(KeyPress key, T row, Shell shell);

    protected abstract Page Sibling();

    public override async Task RefreshAsync(IPlatform platform) => _rows = await FetchAsync(platform);

    public override void Draw(Canvas canvas)
    {
        var rows = Fitting;
        _selected = Math.Clamp(_selected, 0, Math.Max(0, rows.Count - 1));
        var room = Math.Max(1, canvas.Height - 4);
        _top = Math.Clamp(_top, Math.Max(0, _selected - room + 1), _selected);
        var x = 1;
        foreach (var (head, width, right) in Columns)
        {
            if (right) canvas.TextRight(x + width, 1, head, Ink.Dim);
            else canvas.Text(x, 1, head, Ink.Dim, width);
            x += width + 2;
        }

        for (var i = 0; i < Math.Min(room, rows.Count - _top); i++)
        {
            x = 1;
            foreach (var ((text, ink), (_, width, right)) in CellsOf(rows[_top + i]).Zip(Columns))
            {
                if (right) canvas.TextRight(x + width, 2 + i, text.Length > width ? text[..width] : text, ink);
                else canvas.Text(x, 2 + i, text, ink, width);
                x += width + 2;
            }

            if (_top + i == _selected) canvas.Paint(0, 2 + i, canvas.Width, Ink.Selected);
        }

        if (rows.Count == 0) canvas.Text(1, 3, _rows is null ? "asking the silo …" : _rows.Count == 0 ? Empty : $"nothing fits '{_typing?.Text ?? _filter}'.", Ink.Dim);
        if (_typing is not null) canvas.Text(1, canvas.Height - 2, $"/{_typing.Text}▏", Ink.Accent);
        else if (_filter.Length > 0) canvas.Text(1, canvas.Height - 2, $"/{_filter}  (Esc shows all)", Ink.Dim);
    }

    public override bool Take(KeyPress key, Shell shell)
    {
        if (_typing is not null)
        {
            if (key.Name is "enter") (_filter, _typing) = (_typing.Text, null);
            else if (key.Name is "esc") _typing = null;
            else _typing.Take(key);
            return true;
        }

        var rows = Fitting;
        switch (key.Name)
        {
            case "down" or "j":
                _selected++;
                return true;
            case "up" or "k":
                _selected = Math.Max(0, _selected - 1);
                return true;
            case "g" or "home":
                _selected = 0;
                return true;
            case "G" or "end":
                _selected = rows.Count - 1;
                return true;
            case "/":
                _typing = new TextInput(_filter);
                return true;
            case "esc" when _filter.Length > 0:
                _filter = "";
                return true;
            case "tab":
                shell.Replace(Sibling());
                return true;
            case "q":
                shell.Quit();
                return true;
            default:
                return rows.Count > 0 && TakeOn(key, rows[Math.Clamp(_selected, 0, rows.Count - 1)], shell);
        }
    }
}
