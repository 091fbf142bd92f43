using System.Globalization;
using System.Text;

namespace Dtt.Core.Platform;

/// <summary>
/// Text of a model, or of files, as a terminal may show it: a control character in it could move the cursor, change colours, rename the window or answer as if
/// it was typed.
/// </summary>
public static class TerminalText
{
    /// <summary>The text with every control character but line feed and tab spelled out, as JSON does: <c>\u001b</c>.</summary>
    public static string Escape(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\u001f') && !text.AsSpan().ContainsAnyInRange('\u007f', '\u009f')) return text;
        var shown = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (IsShown(c)) shown.Append(c);
            else shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return shown.ToString();
    }

    private static bool IsShown(char c) => !char.IsControl(c) || c is '\n' or '\t';
}
