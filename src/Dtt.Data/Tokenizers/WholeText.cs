namespace Dtt.Data.Tokenizers;

/// <summary>A text is one word: merges may go over every place in it.</summary>
internal sealed class WholeText : WordPattern
{
    public override string Name => "whole";

    public override string Regex => @"[\s\S]+";

    internal override int NextLength(ReadOnlySpan<byte> text) => text.Length;
}
