namespace Dtt.Tests;

/// <summary>Tests that take minutes, or tell little that a shorter one does not.</summary>
internal static class LongTests
{
    /// <summary>Skips the test unless long ones were asked for.</summary>
    public static void Only() =>
        Assert.SkipWhen(Environment.GetEnvironmentVariable("DTT_LONG") is null, "it takes long and has a shorter relative: tests/kills --faults");
}
