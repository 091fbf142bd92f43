using System.Text;
using Dtt.Data.Text;

namespace Dtt.Data.Tests.Text;

public sealed class Utf8CheckTests
{
    [Theory]
    [InlineData("", null)]
    [InlineData("plain", null)]
    [InlineData("漢字 🙂 é", null)]
    [InlineData("ab\u00FF", 2L)]
    [InlineData("caf\u00E9 au lait", 3L)]
    [InlineData("\u00C3", 0L)]
    public void FirstInvalid_IsTheSame_HoweverTheBytesAreDivided(string text, long? expected)
    {
        var bytes = text.Any(c => c > 0xFF) ? Encoding.UTF8.GetBytes(text) : Encoding.Latin1.GetBytes(text);
        for (var size = 1; size <= bytes.Length + 1; size++)
        {
            var check = new Utf8Check();
            foreach (var part in bytes.Chunk(size)) check.Add(part);
            check.End();
            Assert.Equal(expected, check.FirstInvalid);
        }
    }

    [Theory]
    [InlineData("utf-16", "is text in UTF-16")]
    [InlineData("utf-32", "is text in UTF-32")]
    public void WhatElse_NamesTheEncodingOfAMark(string encoding, string expected)
    {
        var check = new Utf8Check();
        check.Add([.. Encoding.GetEncoding(encoding).Preamble, .. Encoding.GetEncoding(encoding).GetBytes("a text")]);
        Assert.Equal(0, check.FirstInvalid);
        Assert.StartsWith(expected, check.WhatElse);
    }
}
