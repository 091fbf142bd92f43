using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Dtt.Core.Storage;
using Dtt.Data.Text;

namespace Dtt.Data.Reports;

/// <summary>
/// Finds documents of the same bytes, of which the first in the order of the pieces stays: each piece's documents are hashed by whoever comes first, then all
/// hashes are compared, and each piece gets the numbers of those that go. Each step may be repeated, and gives the same.
/// </summary>
/// <param name="folder">Where the hashes lie until the tokens are there.</param>
/// <param name="source">What decides which documents there are.</param>
/// <param name="mostInMemory">Documents whose hashes are compared at once, 24 bytes each; besides, every document takes a bit.</param>
public sealed class DuplicateDocuments(string folder, string source, int mostInMemory = 4 << 20)
{
    private const string Found = "found", Kept = "duplicates";

    /// <summary>Whether they are found.</summary>
    public bool AreFound => WorkFolder.IsOf(folder, Source) && File.Exists(Path.Combine(folder, Found));

    private byte[] Source => Encoding.UTF8.GetBytes(source);

    /// <summary>Makes the folder, and keeps what belongs to this source.</summary>
    public void Begin() => WorkFolder.Begin(folder, Source);

    /// <summary>Hashes a piece's documents, unless that was done.</summary>
    /// <exception cref="Core.Errors.BadDataException">The text is damaged.</exception>
    public void Hash(Piece piece)
    {
        WorkFolder.Require(folder, Source);
        var file = HashesOf(piece.Number);
        if (File.Exists(file)) return;
        var draft = DurableFile.DraftOf(file); // another node may be hashing the same piece
        using (var hashes = new FileStream(draft, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            using var reader = new PieceReader(piece);
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            while (reader.Read())
            {
                SHA256.HashData(reader.Document, hash);
                hashes.Write(hash[..DocumentHashes.Bytes]);
            }

            hashes.Flush(flushToDisk: true);
        }

        File.Move(draft, file, overwrite: true);
        DurableFile.SyncFolder(folder);
    }

    /// <summary>Finds them, when every piece is hashed; how many go.</summary>
    public long Find(int pieces)
    {
        WorkFolder.Require(folder, Source);
        var files = Enumerable.Range(0, pieces).Select(HashesOf).ToList();
        var documents = files.Select(f => new FileInfo(f).Length / DocumentHashes.Bytes).ToList();
        var gone = documents.Select(count => new byte[(count + 7) / 8]).ToList();
        var passes = (uint)(documents.Sum() / mostInMemory + 1);
        var dropped = 0L;
        for (uint pass = 0; pass < passes; pass++)
        {
            var entries = new List<Entry>((int)(documents.Sum() / passes) + 1);
            foreach (var (piece, file) in files.Index())
                DocumentHashes.Read(file, pass, passes, (hash, number) => entries.Add(new Entry((ulong)(hash >> 64), (ulong)hash, piece, number)));
            var sorted = CollectionsMarshal.AsSpan(entries);
            sorted.Sort();
            for (var i = 1; i < sorted.Length; i++)
            {
                if (!sorted[i].IsSame(sorted[i - 1])) continue;
                gone[sorted[i].Piece][sorted[i].Number / 8] |= (byte)(1 << (sorted[i].Number % 8));
                dropped++;
            }
        }

        foreach (var (piece, bits) in gone.Index()) DurableFile.Replace(GoneOf(piece), bits);
        var count = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(count, dropped);
        DurableFile.Replace(Path.Combine(folder, Found), count);
        return dropped;
    }

    /// <summary>How many go, once they are found.</summary>
    public long Count() => BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(Path.Combine(folder, Found)));

    /// <summary>A piece's documents, of which a set bit goes.</summary>
    /// <exception cref="Core.Errors.BadDataException">They belong to other text.</exception>
    public byte[] Of(int piece)
    {
        WorkFolder.Require(folder, Source);
        return File.ReadAllBytes(GoneOf(piece));
    }

    /// <summary>Whether a document goes, by its number in its piece.</summary>
    public static bool Goes(byte[]? gone, long number) => gone is not null && (gone[number / 8] >> (int)(number % 8) & 1) != 0;

    /// <summary>Keeps in the tokens' folder what went, for those who look for the text of a document.</summary>
    public void Keep(string tokensFolder, int pieces)
    {
        var kept = Directory.CreateDirectory(Path.Combine(tokensFolder, Kept)).FullName;
        for (var piece = 0; piece < pieces; piece++) File.Copy(GoneOf(piece), Path.Combine(kept, NameOf(piece)), overwrite: true);
    }

    /// <summary>What <see cref="Keep"/> kept of a piece.</summary>
    /// <exception cref="Core.Errors.BadDataException">It was deleted.</exception>
    public static byte[] KeptOf(string tokensFolder, int piece)
    {
        var file = Path.Combine(tokensFolder, Kept, NameOf(piece));
        return File.Exists(file) ? File.ReadAllBytes(file)
            : throw new Core.Errors.BadDataException($"{file} is gone, which says what documents are not in the tokens: their text cannot be found.");
    }

    /// <summary>Deletes the folder: the tokens are there.</summary>
    public void End()
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private string HashesOf(int piece) => Path.Combine(folder, $"piece_{piece:000000}.hashes");

    private string GoneOf(int piece) => Path.Combine(folder, NameOf(piece));

    private static string NameOf(int piece) => $"piece_{piece:000000}.gone";

    /// <summary>A document: its hash, then its place in the order of all.</summary>
    private readonly record struct Entry(ulong High, ulong Low, int Piece, int Number) : IComparable<Entry>
    {
        public bool IsSame(Entry other) => (High, Low) == (other.High, other.Low);

        public int CompareTo(Entry other) => (High, Low, Piece, Number).CompareTo((other.High, other.Low, other.Piece, other.Number));
    }
}
