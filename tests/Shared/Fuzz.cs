using System.Globalization;
using Xunit.Sdk;

namespace Dtt.Tests;

/// <summary>Random inputs by seed; <c>tests/fuzz</c> tries more of them.</summary>
internal static class Fuzz
{
    /// <summary>Numbers and texts that programs trip over.</summary>
    public static readonly string[] Odd =
    [
        "", "0", "-1", "0,5", "1e400", "-1e-400", "NaN", "Infinity", "2147483648", "4294967297",
        "9223372036854775808", "1_000", "0x10", "null", "~", "true", "[]",
        "{}", "[1,", "\"", "'", "\\", "%s", "{0}", "{", "}", "@x", "--", "-", "..", "/", "a b",
        "\u0085", "\u2028", "\uFEFF", "é", "😀", "*", "&x", "!t", "|", ">", "#", ": ",
    ];

    private static int Times => int.Parse(Environment.GetEnvironmentVariable("DTT_FUZZ") ?? "1", CultureInfo.InvariantCulture);

    private static int Seed => int.Parse(Environment.GetEnvironmentVariable("DTT_SEED") ?? "1", CultureInfo.InvariantCulture);

    /// <summary>How many inputs to try where so many are usual.</summary>
    public static int Iterations(int usual) => usual * Times;

    /// <summary>Tries so many inputs, or as many times more as <c>DTT_FUZZ</c> says; a failure names its seed.</summary>
    public static async Task RunAsync(int usual, Func<Random, Task> one)
    {
        for (var seed = Seed; seed < Seed + Iterations(usual); seed++)
        {
            try
            {
                await one(new Random(seed));
            }
            catch (Exception e)
            {
                throw new XunitException($"seed {seed} (again with DTT_SEED={seed}): {e}");
            }
        }
    }

    /// <summary>One of these.</summary>
    public static T One<T>(this Random random, IReadOnlyList<T> of) => of[random.Next(of.Count)];

    /// <summary>Bytes with a few places cut out, doubled, overwritten or with something odd put in.</summary>
    public static byte[] Damage(this Random random, byte[] bytes)
    {
        for (var i = random.Next(4); i > 0 && bytes.Length > 0; i--)
        {
            var at = random.Next(bytes.Length);
            var end = Math.Min(bytes.Length, at + random.Next(12));
            bytes = random.Next(5) switch
            {
                0 => bytes[..at],
                1 => [.. bytes[..at], .. bytes[end..]],
                2 => [.. bytes[..end], .. bytes[at..]],
                3 => [.. bytes[..at], (byte)random.Next(256), .. bytes[(at + 1)..]],
                _ => [.. bytes[..at], .. System.Text.Encoding.UTF8.GetBytes(random.One(Odd)), .. bytes[at..]],
            };
        }

        return bytes;
    }
}
