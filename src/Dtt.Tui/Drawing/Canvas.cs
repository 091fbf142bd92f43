using System.Text;

namespace Dtt.Tui.Drawing;

/// <summary>A screen of cells that pages draw on: plain data, so what is shown can be tested as text. Whatever falls outside is cut off.</summary>
internal sealed class Canvas(int width, int height)
{
    private readonly (Rune Rune, Ink Ink)[] _cells = Enumerable.Repeat((new Rune(' '), Ink.Plain), Math.Max(0, width) * Math.Max(0, height)).ToArray();

    public int Width => width;

    public int Height => height;

    public (Rune Rune, Ink Ink) this[int x, int y] => _cells[y * width + x];

    /// <summary>Puts one cell.</summary>
    public void Put(int x, int y, Rune rune, Ink ink)
    {
        if (x >= 0 && y >= 0 && x < width && y < height) _cells[y * width + x] = (rune, ink);
    }

    /// <summary>
    /// Writes text from a cell on, at most <paramref name="room"/> cells. Control characters become spaces; what does not take one cell (wide characters,
    /// combining marks) becomes '·'.
    /// </summary>
    public void Text(int x, int y, string text, Ink ink = Ink.Plain, int room = int.MaxValue)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (room-- <= 0 || x >= width) return;
            Put(x++, y, Rune.IsControl(rune) ? new Rune(' ') : Terminal.Gui.Text.RuneExtensions.GetColumns(rune) == 1 ? rune : new Rune('·'), ink);
        }
    }

    /// <summary>Writes text that ends at the cell before <paramref name="right"/>.</summary>
    public void TextRight(int right, int y, string text, Ink ink = Ink.Plain) => Text(right - text.Length, y, text, ink);

    /// <summary>Gives a stretch of a row another ink.</summary>
    public void Paint(int x, int y, int count, Ink ink)
    {
        for (var i = x; i < x + count; i++)
        {
            if (i >= 0 && i < width && y >= 0 && y < height) _cells[y * width + i].Ink = ink;
        }
    }

    /// <summary>A frame with a title in its upper edge.</summary>
    public void Frame(int x, int y, int w, int h, string title, Ink ink = Ink.Dim)
    {
        if (w < 2 || h < 2) return;
        Text(x, y, "╭" + new string('─', w - 2) + "╮", ink);
        for (var row = y + 1; row < y + h - 1; row++)
        {
            Text(x, row, "│", ink);
            Text(x + w - 1, row, "│", ink);
        }

        Text(x, y + h - 1, "╰" + new string('─', w - 2) + "╯", ink);
        if (w > 6) Text(x + 2, y, $" {title} ", Ink.Strong, w - 4);
    }

    /// <summary>A bar that is filled to a share, in eighths of a cell.</summary>
    public void Bar(int x, int y, int w, double share, Ink ink)
    {
        if (w < 1) return;
        var eighths = (int)Math.Round(Math.Clamp(double.IsFinite(share) ? share : 0, 0, 1) * w * 8);
        for (var i = 0; i < w; i++)
        {
            var filled = Math.Clamp(eighths - i * 8, 0, 8);
            Put(x + i, y, new Rune(filled == 0 ? '░' : (char)('█' + (8 - filled))), filled == 0 ? Ink.Dim : ink);
        }
    }

    /// <summary>The screen as lines.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++) text.Append(this[x, y].Rune.ToString());
            text.Append('\n');
        }

        return text.ToString();
    }
}
