namespace Dtt.Tui;

/// <summary>A line of text that is being typed.</summary>
internal sealed class TextInput(string text)
{
    public string Text { get; private set; } = text;

    /// <summary>Types a key; false when it is not one for typing.</summary>
    public bool Type(KeyPress key)
    {
        if (key.Name == "backspace")
        {
            if (Text.Length > 0) Text = Text[..^(Text.Length > 1 && char.IsLowSurrogate(Text[^1]) ? 2 : 1)];
            return true;
        }

        if (!key.IsText) return false;
        Text += key.Rune.ToString();
        return true;
    }
}
