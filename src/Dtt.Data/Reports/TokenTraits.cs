using System.Text;
using System.Text.Unicode;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Reports;

/// <summary>What counting asks of each id of a vocabulary.</summary>
internal sealed class TokenTraits
{
    private static readonly byte[] _replacement = Encoding.UTF8.GetBytes("\uFFFD");

    public TokenTraits(Vocabulary vocabulary)
    {
        (Lengths, AreWhole) = (new int[vocabulary.Size], new bool[vocabulary.Size]);
        for (var id = 0; id < vocabulary.Size; id++)
        {
            var bytes = id == vocabulary.EndOfText ? [] : vocabulary.BytesOf(id);
            (Lengths[id], AreWhole[id]) = (bytes.Length, Utf8.IsValid(bytes) && bytes.IndexOf(_replacement) < 0);
        }
    }

    /// <summary>Bytes of text; 0 for the end of text.</summary>
    public int[] Lengths { get; }

    /// <summary>Whether its bytes are whole characters and none of them U+FFFD, so that nobody need look at them.</summary>
    public bool[] AreWhole { get; }
}
