namespace Dtt.Data.Pickle;

/// <summary>A class or function that a pickle names, as a value.</summary>
/// <param name="Name"><c>module.name</c>.</param>
public sealed record PickleName(string Name);
