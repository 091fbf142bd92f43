using System.Text;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data;

/// <summary>A folder in which several processes in turn make something: <c>source</c> says from what, and work of another source is deleted.</summary>
public static class WorkFolder
{
    private const string Plan = "pieces 3\n"; // how text is cut into pieces, and how they lie here: work of another plan is deleted too

    /// <summary>Makes the folder, or keeps it when it belongs to the same source.</summary>
    public static void Begin(string folder, ReadOnlySpan<byte> source)
    {
        if (IsOf(folder, source)) return;
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        DurableFile.Replace(SourceFile(folder), Planned(source));
    }

    /// <summary>Refuses to go on with work that does not belong to the source, such as that of an earlier build.</summary>
    /// <exception cref="BadDataException">It does not.</exception>
    public static void Require(string folder, ReadOnlySpan<byte> source)
    {
        if (!IsOf(folder, source)) throw new BadDataException($"{folder} holds work of other text or of another build of DTT; run `dtt tokenize` again.");
    }

    /// <summary>Whether the folder is there and belongs to the source.</summary>
    public static bool IsOf(string folder, ReadOnlySpan<byte> source) =>
        File.Exists(SourceFile(folder)) && File.ReadAllBytes(SourceFile(folder)).AsSpan().SequenceEqual(Planned(source));

    private static byte[] Planned(ReadOnlySpan<byte> source) => [.. Encoding.ASCII.GetBytes(Plan), .. source];

    private static string SourceFile(string folder) => Path.Combine(folder, "source");
}
