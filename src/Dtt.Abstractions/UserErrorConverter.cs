using Dtt.Core.Errors;

namespace Dtt.Abstractions;

/// <summary>A <see cref="UserErrorException"/> on the wire: what the user reads, and how the program ends.</summary>
[GenerateSerializer, Alias("dtt.user-error")]
internal struct UserErrorSurrogate
{
    /// <summary>What, where, the value, what to do.</summary>
    [Id(0)]
    public string Message;

    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    [Id(1)]
    public int ExitCode;
}

/// <summary>Brings a mistake of the user through a grain call as the exception that it is.</summary>
[RegisterConverter]
internal sealed class UserErrorConverter : IConverter<UserErrorException, UserErrorSurrogate>
{
    public UserErrorException ConvertFromSurrogate(in UserErrorSurrogate surrogate) => new(surrogate.Message, surrogate.ExitCode);

    public UserErrorSurrogate ConvertToSurrogate(in UserErrorException value) => new() { Message = value.Message, ExitCode = value.ExitCode };
}

/// <summary>The same for missing or damaged data.</summary>
[RegisterConverter]
internal sealed class BadDataConverter : IConverter<BadDataException, UserErrorSurrogate>
{
    public BadDataException ConvertFromSurrogate(in UserErrorSurrogate surrogate) => new(surrogate.Message);

    public UserErrorSurrogate ConvertToSurrogate(in BadDataException value) => new() { Message = value.Message, ExitCode = value.ExitCode };
}
