namespace Dtt.Tests;

/// <summary>Tests that take minutes, or tell little that a shorter one does not.</summary>
internal static class LongTests
{
    /// <summary>Whether they were asked for.</summary>
    public static bool Asked => Environment.GetEnvironmentVariable("DTT_LONG") is not null;

    /// <summary>Skips the test unless they were.</summary>
    public static void Only() =>
        Assert.SkipUnless(Asked, "it takes long and has a shorter relative: tests/kills --faults");
}
