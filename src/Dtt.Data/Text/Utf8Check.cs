using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Dtt.Data.Text;

/// <summary>Finds the first place where bytes, which come in parts, are no UTF-8.</summary>
public sealed class Utf8Check
{
    private const int LongestCharacter = 4;
    private readonly byte[] _begun = new byte[LongestCharacter]; // a character of which the last part had only the beginning
    private int _held;
    private long _position; // of the first byte that is not known to be right

    /// <summary>The offset of the first byte that is no UTF-8; null: none so far.</summary>
    public long? FirstInvalid { get; private set; }

    /// <summary>What the text looks to be in by its first bytes, where they are no UTF-8; null: nothing that is known.</summary>
    public string? WhatElse { get; private set; }

    /// <summary>Looks at the next bytes.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (FirstInvalid is not null) return;
        if (_position + _held == 0) WhatElse = TextStart.WhatElse(bytes[..Math.Min(bytes.Length, TextStart.Bytes)]);
        while (_held > 0 && bytes.Length > 0)
        {
            _begun[_held++] = bytes[0];
            bytes = bytes[1..];
            var status = Rune.DecodeFromUtf8(_begun.AsSpan(0, _held), out _, out _);
            if (status == OperationStatus.NeedMoreData) continue;
            if (status == OperationStatus.InvalidData)
            {
                FirstInvalid = _position;
                return;
            }

            (_position, _held) = (_position + _held, 0);
        }

        if (Rune.DecodeLastFromUtf8(bytes, out _, out var open) != OperationStatus.NeedMoreData) open = 0;
        var whole = bytes[..^open];
        if (!Utf8.IsValid(whole))
        {
            var at = 0;
            while (Rune.DecodeFromUtf8(whole[at..], out _, out var length) == OperationStatus.Done) at += length;
            FirstInvalid = _position + at;
            return;
        }

        _position += whole.Length;
        if (open == 0) return;
        bytes[^open..].CopyTo(_begun);
        _held = open;
    }

    /// <summary>Says that no more bytes come.</summary>
    public void End()
    {
        if (_held > 0) FirstInvalid ??= _position;
    }
}
