namespace Dtt.Tui.Drawing;

/// <summary>What a cell means; the shell turns it into a colour, or into bold and dim when there is none.</summary>
internal enum Ink
{
    Plain,
    Dim,
    Strong,
    Accent,
    Good,
    Warn,
    Bad,
    Second,
    Selected,
}
