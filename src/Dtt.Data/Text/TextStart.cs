using System.Text;
using Dtt.Core.Configuration;

namespace Dtt.Data.Text;

/// <summary>How a file of text begins.</summary>
internal static class TextStart
{
    /// <summary>How much of a file <see cref="WhatElse"/> wants to see.</summary>
    public const int Bytes = 4096;

    /// <summary>Length of a byte order mark, which is no part of the text.</summary>
    public static int MarkLength(ReadOnlySpan<byte> head) => head.StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;

    /// <summary>What a file holds instead of UTF-8, and what to do; null for text.</summary>
    public static string? WhatElse(ReadOnlySpan<byte> head) => head switch
    {
        [0xFF, 0xFE, 0, 0, ..] or [0, 0, 0xFE, 0xFF, ..] => IsIn("UTF-32", "utf-32"),
        [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] => IsIn("UTF-16", "utf-16"),
        [0x1F, 0x8B, ..] or [0x28, 0xB5, 0x2F, 0xFD, ..] => "is compressed twice; decompress it once",
        _ when FileMagic.KindOf(head) is { } kind => $"is a {kind} file that was compressed as a whole; decompress it",
        _ when HasZeroHalves(head, zerosAt: 1) => IsIn("UTF-16", "utf-16le"),
        _ when HasZeroHalves(head, zerosAt: 0) => IsIn("UTF-16", "utf-16be"),
        _ => null,
    };

    private static string IsIn(string name, string code) => $"is text in {name}; convert it with `iconv -f {code} -t utf-8`";

    /// <summary>Whether most pairs of bytes are a zero and another: UTF-16 of mostly Latin letters, without a mark.</summary>
    private static bool HasZeroHalves(ReadOnlySpan<byte> head, int zerosAt)
    {
        var (pairs, halves) = (head.Length / 2, 0);
        for (var i = 0; i < pairs; i++)
        {
            if (head[2 * i + zerosAt] == 0 && head[2 * i + 1 - zerosAt] != 0) halves++;
        }

        return halves * 2 > pairs;
    }
}
