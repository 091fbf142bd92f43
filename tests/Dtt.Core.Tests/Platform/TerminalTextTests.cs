using Dtt.Core.Platform;

namespace Dtt.Core.Tests.Platform;

public sealed class TerminalTextTests
{
    [Theory]
    [InlineData("\u001b]0;title\a", @"\u001b]0;title\u0007")]
    [InlineData("a\rb\bc\u007f", @"a\u000db\u0008c\u007f")]
    [InlineData("\u009b31m\u0085", @"\u009b31m\u0085")]
    [InlineData("\0", @"\u0000")]
    [InlineData("two\nlines\tand é, 漢, 🙂", "two\nlines\tand é, 漢, 🙂")]
    public void Escape_SpellsOutEveryControlCharacterButLinesAndTabs(string text, string shown) => Assert.Equal(shown, TerminalText.Escape(text));
}
