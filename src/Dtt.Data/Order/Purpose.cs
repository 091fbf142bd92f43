namespace Dtt.Data.Order;

/// <summary>What a stream of random numbers is for: part of its seed, so that streams never meet. Numbers are never reused.</summary>
public static class Purpose
{
    /// <summary>Order of blocks in an epoch.</summary>
    public const long DataBlocks = 1;

    /// <summary>Order of windows within a group of blocks.</summary>
    public const long DataWindows = 2;

    /// <summary>First weights.</summary>
    public const long Weights = 3;

    /// <summary>Dropout masks.</summary>
    public const long Dropout = 4;

    /// <summary>Samples.</summary>
    public const long Sample = 5;

    /// <summary>Generated text.</summary>
    public const long Tale = 6;
}
